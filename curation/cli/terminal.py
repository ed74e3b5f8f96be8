"""Output of every command to the terminal, and its errors as one sentence."""

from __future__ import annotations

import errno
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curation import jobs
from curation.dataset import Progress
from curation.errors import CurationError

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


def bar(share: float, text: str) -> None:
    """Draw progress on stderr: one moving line in a terminal, a line a step elsewhere."""
    if sys.stderr.isatty():
        filled = int(share * 24)
        line = f"\r{'█' * filled}{'░' * (24 - filled)} {share:4.0%} {text[:90]}\033[K"
        sys.stderr.write(line + ("\n" if share >= 1 else ""))
        sys.stderr.flush()
        return
    step = text.split(":")[0]
    if step and step != _last_step[0]:
        _last_step[0] = step
        sys.stderr.write(f"{share:4.0%} {step}\n")


_last_step = [""]


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
