"""Long work as processes of their own, known by the files they write under `jobs/<id>/`.

A job is the command line itself, `python -m curation <command> … --job ID`, so a closed tab or a
restarted app never takes it along, and what a page starts a terminal can start as well.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curation import files
from curation.dataset import Progress
from curation.errors import Cancelled, CurationError


@dataclass(frozen=True)
class Status:
    """How a job stands.

    state: starting, running, done, failed, cancelled, or lost (its process is gone without a
    word). share: 0 to 1. text: what it is doing. error: one sentence, when failed.
    """

    id: str
    title: str
    state: str
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


def start(project: Path, title: str, command: Sequence[str]) -> str:
    """Start `python -m curation <command>` as a job of a project and return the job's id."""
    job_id = time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:6]
    folder = project / "jobs" / job_id
    folder.mkdir(parents=True)
    _write(folder, Status(job_id, title, "starting", started=time.time(), updated=time.time()))
    with open(folder / "log.txt", "wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "curation", *command, "--job", job_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return job_id


def status(project: Path, job_id: str) -> Status:
    """How a job stands now; raises CurationError when there is no such job."""
    folder = project / "jobs" / job_id
    try:
        found = Status(**json.loads((folder / "status.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise CurationError(f"There is no job {job_id!r} in this project.") from None
    if found.active and not _alive(found):
        return Status(**{**asdict(found), "state": "lost", "error": _last_words(folder)})
    return found


def _alive(found: Status) -> bool:
    if not found.pid:  # not yet reported in; give a slow machine a minute
        return time.time() - found.started < 60
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a zombie answers to signals but does no more work
        stat = Path(f"/proc/{found.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "log.txt").read_text("utf-8", "replace").strip().split("\n")
    except OSError:
        lines = [""]
    tail = f" Its last words: {lines[-1][:300]}" if lines[-1] else ""
    return f"The process ended without finishing; start it again to go on from there.{tail}"


def all_jobs(project: Path, limit: int = 20) -> list[Status]:
    """The newest jobs of a project, newest first."""
    folder = project / "jobs"
    if not folder.is_dir():
        return []
    names = sorted((p.name for p in folder.iterdir() if p.is_dir()), reverse=True)
    found = []
    for name in names[:limit]:
        try:
            found.append(status(project, name))
        except CurationError:
            continue
    return found


def cancel(project: Path, job_id: str) -> None:
    """Ask a job and its workers to stop; what they finished is kept."""
    found = status(project, job_id)
    if found.active and found.pid:
        os.kill(found.pid, signal.SIGTERM)


class Reporter:
    """A Progress that writes a job's status file, a few times a second at most."""

    def __init__(self, project: Path, job_id: str) -> None:
        self._folder = project / "jobs" / job_id
        known = status(project, job_id)
        self._status = Status(**{**asdict(known), "state": "running", "pid": os.getpid()})
        self._set()

    def _set(self, **changes: Any) -> None:
        self._status = Status(**{**asdict(self._status), **changes, "updated": time.time()})
        _write(self._folder, self._status)

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
    except (Cancelled, KeyboardInterrupt):
        reporter.finish("cancelled", str(Cancelled()))
        raise
    except CurationError as error:
        reporter.finish("failed", str(error))
        raise
    except Exception as error:
        reporter.finish(
            "failed", f"This is a bug: {type(error).__name__}: {error}. The log has the trace."
        )
        raise
    reporter.finish("done", result=result)


def _write(folder: Path, status: Status) -> None:
    files.write_text(folder / "status.json", json.dumps(asdict(status), ensure_ascii=False))
