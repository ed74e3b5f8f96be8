"""Jobs: long work in separate processes, which write their status under `jobs/<id>/`.

A job is the command line itself, `python -m curation <command> … --job ID`. Guarantee: a closed tab
or a restarted app does not end it, and a terminal can start everything that a page can.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

from curation import files, lock, roles
from curation.commands import Command
from curation.dataset import Progress
from curation.errors import Cancelled, CurationError

ALONE = {"run": "A run", "judge": "A judge"}
"""Commands that run only once at a time in a project, and their names in a sentence."""

KEY = "CURATION_API_KEY"
"""Environment variable with the key that goes with requests to a model."""

CANCEL = "cancel"
"""Name of a file in a job's folder that asks it to stop."""


@dataclass(frozen=True)
class Status:
    """The status of a job.

    state: starting, running, done, failed, cancelled, or lost (its process ended without a message).
    command: name of its command. share: finished share, 0 to 1. text: its current work. error: one
    sentence, when failed.
    """

    id: str
    title: str
    state: str
    command: str = ""
    share: float = 0.0
    text: str = ""
    error: str = ""
    pid: int = 0
    started: float = 0.0
    updated: float = 0.0
    result: Any = None

    @property
    def active(self) -> bool:
        """Whether it is still at work."""
        return self.state in ("starting", "running")


def start(project: Path, command: Command) -> str:
    """Start a command as a job of a project and return the job's id.

    Raises CurationError when its folder cannot be written, and when a run is asked for while one is
    at work: of two that are asked for at once, one is started.
    """
    roles.need(project, roles.OWNER)
    try:
        (project / "jobs").mkdir(exist_ok=True)
        with lock.locked(project / "jobs" / ".lock"):
            if command.name in ALONE and at_work(project, command.name):
                raise CurationError(
                    f"{ALONE[command.name]} is under way; start another when it is done."
                )
            return _start(project, command)
    except OSError as error:
        raise CurationError(
            f"The job could not be started: {error.filename or 'a file'}: {error.strerror}."
        ) from error


def at_work(project: Path, name: str, newest: int | None = None) -> bool:
    """Whether a job of the command of that name is at work.

    newest: of how many of the newest jobs; of all by default.
    """
    return any(job.active and job.command == name for job in all_jobs(project, newest))


def _start(project: Path, command: Command) -> str:
    job_id = time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:6]
    folder, now = project / "jobs" / job_id, time.time()
    status = Status(job_id, command.title, "starting", command.name, started=now, updated=now)
    _write(folder, status)
    with open(folder / "log.txt", "wb") as log, open(folder / "pid", "w") as pid:
        lock.take(pid.fileno())  # for as long as anybody has the file open
        process = subprocess.Popen(
            [sys.executable, "-m", "curation", command.name, *command.words, "--job", job_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            start_new_session=True,
            pass_fds=[pid.fileno()] if lock.OFFERED else [],
        )
        pid.write(str(process.pid))
    Thread(target=process.wait, daemon=True).start()  # so that no zombie is left
    return job_id


def _environment() -> dict[str, str]:
    """Return the environment of a job, without the server's key where its owners do not start it.

    A job sends the key to an address that whoever starts it names.
    """
    return {k: v for k, v in os.environ.items() if k != KEY or roles.is_host()}


def status(project: Path, job_id: str) -> Status:
    """Return a job's status now; raises CurationError when there is no such job."""
    folder = _folder(project, job_id)
    current = _read(folder)
    if not current.active or _alive(folder, current):
        return current
    current = _read(folder)  # it may have ended well between the two looks
    if not current.active:
        return current
    if (folder / CANCEL).exists():
        return replace(current, state="cancelled", error=str(Cancelled()))
    return replace(current, state="lost", error=_last_words(folder))


def _folder(project: Path, job_id: str) -> Path:
    """Return a job's folder; raises CurationError for an id that leads out of the jobs' folder."""
    if not re.fullmatch(r"[\w-]+", job_id):
        raise CurationError(f"{job_id!r} is no id of a job.")
    return project / "jobs" / job_id


def _read(folder: Path) -> Status:
    try:
        return Status(**json.loads((folder / "status.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        raise CurationError(f"There is no job {folder.name!r} in this project.") from None


def _alive(folder: Path, status: Status) -> bool:
    """Return whether the job's process still runs: it holds a lock that ends with it.

    A process number is not enough, because another process may have it after a restart. Without
    such locks, a job that was silent for a minute counts as ended.
    """
    if not lock.OFFERED:
        return time.time() - status.updated < 60
    try:
        with open(folder / "pid", "rb") as stream:
            if not lock.share(stream.fileno()):
                return True
            started = bool(stream.read())
    except OSError:
        started = False
    return not started and time.time() - status.started < 5  # it is being started just now


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "log.txt").read_text("utf-8", "replace").strip().split("\n")
    except OSError:
        lines = [""]
    tail = f" Its last words: {lines[-1][:300]}" if lines[-1] else ""
    return f"The process ended without finishing; start it again to go on from there.{tail}"


def all_jobs(project: Path, limit: int | None = 20) -> list[Status]:
    """Return the newest jobs of a project, newest first; all of them without a limit."""
    folder = project / "jobs"
    if not folder.is_dir():
        return []
    names = sorted((p.name for p in folder.iterdir() if p.is_dir()), reverse=True)
    jobs = []
    for name in names[:limit]:
        try:
            jobs.append(status(project, name))
        except CurationError:
            continue
    return jobs


def cancel(project: Path, job_id: str, patience: float = 2.0) -> None:
    """Stop a job and its workers; finished results are kept, and an ended job stays as it is.

    patience: seconds until a job that does not react is killed; no result is lost by that, because
    every file is whole or absent.
    """
    roles.need(project, roles.OWNER)
    folder = _folder(project, job_id)
    job = status(project, job_id)
    if not job.active:
        return
    files.write_text(folder / CANCEL, "")
    until = time.monotonic() + patience
    _signal(folder, signal.SIGTERM)
    while _alive(folder, job) and time.monotonic() < until:
        time.sleep(0.02)
    _signal(folder, getattr(signal, "SIGKILL", signal.SIGTERM))  # workers that outlived it, too


def _signal(folder: Path, number: int) -> None:
    """Send a signal to a job and every process it started: they share its group."""
    with suppress(OSError, ValueError):
        pid = int((folder / "pid").read_text())
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


class Reporter:
    """A Progress that writes a job's status file, a few times a second at most."""

    def __init__(self, project: Path, job_id: str) -> None:
        self._folder = _folder(project, job_id)
        self._status = replace(_read(self._folder), state="running", pid=os.getpid())
        self._set()

    def _set(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes, updated=time.time())
        with suppress(CurationError):  # a full disk must not hide what the work itself has to say
            _write(self._folder, self._status)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for it to stop."""
        return (self._folder / CANCEL).exists()

    def __call__(self, share: float, text: str) -> None:
        """Note the finished share and what is being done."""
        if time.time() - self._status.updated > 0.2 or share >= 1:
            self._set(share=float(share), text=text)

    def finish(self, state: str, error: str = "", result: Any = None) -> None:
        """Note how it ended."""
        self._set(
            state=state,
            error=error,
            result=result,
            share=1.0 if state == "done" else self._status.share,
        )


@contextmanager
def reporting(
    project: Path, job_id: str | None, otherwise: Progress
) -> Iterator[tuple[Progress, dict[str, Any]]]:
    """Progress for a command, as a job when it has an id; errors end in the job's status too.

    Yields the progress and a dict whose content becomes the job's result.
    """
    if job_id is None:
        yield otherwise, {}
        return
    reporter, result = Reporter(project, job_id), dict[str, Any]()
    try:
        yield reporter, result
    except (Exception, Cancelled) as error:
        stopped = reporter.cancelled or isinstance(error, Cancelled)
        if stopped:  # a worker that was stopped first may show as another error
            reporter.finish("cancelled", str(Cancelled()))
        elif isinstance(error, CurationError):
            reporter.finish("failed", str(error))
        else:
            what = f"This is a bug: {type(error).__name__}: {error}. The log has the trace."
            reporter.finish("failed", what)
        raise
    reporter.finish("done", result=result)


def _write(folder: Path, status: Status) -> None:
    files.write_text(folder / "status.json", json.dumps(asdict(status), ensure_ascii=False))
