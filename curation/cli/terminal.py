"""Output of every command to the terminal, and its errors as one sentence."""

from __future__ import annotations

import errno
import json
import re
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from curation import jobs
from curation.dataset import Progress
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.project import Project

OUTSIDE = {
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM"),
        *("ENAMETOOLONG", "ELOOP", "ENOTDIR", "EISDIR"),
    )
    if hasattr(errno, name)
}
"""Errors of the system that are no bug of the program: no space, no permission, a wrong path."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def say(text: str) -> None:
    """Print a line for people."""
    sys.stdout.write(f"{text}\n")


def show(value: Any, as_json: bool, text: str) -> None:
    """Print a result: as one JSON object, or as text for people.

    Control characters of the text, such as those that colour or clear a terminal, are data and are
    shown as signs.
    """
    say(json.dumps(value, ensure_ascii=False, default=str) if as_json else _CONTROLS.sub("�", text))


def note_namesake(project: Project, name: str) -> None:
    """Ask on stderr whether somebody is the person whose name differs from theirs in its spelling."""
    from curation.namesakes import namesake, question

    if other := namesake(project, name):
        cure = f"{question(other)} Then give --annotator {shlex.quote(other)}."
        sys.stderr.write(_CONTROLS.sub("�", cure) + "\n")


def bar(share: float, text: str) -> None:
    """Draw progress on stderr: a moving line in a terminal; in a log a line a step, and now and then."""
    if sys.stderr.isatty():
        filled = int(share * 24)
        line = f"\r{'█' * filled}{'░' * (24 - filled)} {share:4.0%} {text[:90]}\033[K"
        sys.stderr.write(line + ("\n" if share >= 1 else ""))
        sys.stderr.flush()
        return
    step, now = text.split(":")[0], time.monotonic()
    if step and (step != _last.step or now > _last.time + QUIET):
        sys.stderr.write(f"{share:4.0%} {text if step == _last.step else step}\n")
        _last.step, _last.time = step, now


QUIET = 15.0
"""Seconds after which a step that goes on writes another line to a log."""

_last = SimpleNamespace(step="", time=0.0)


@contextmanager
def working(project: Path, job: str | None) -> Iterator[tuple[Progress, dict[str, Any]]]:
    """Report progress on the terminal, or as a job of the app."""
    with jobs.reporting(project, job, bar) as channels, in_a_sentence():
        yield channels


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn what the system refuses into a sentence; any other error keeps its trace."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUTSIDE:
            raise
        what = error.filename or "A file"
        raise CurationError(f"{what} could not be read or written: {error.strerror}.") from error
