"""Files that a form of the app makes in a project for a job to read: uploads, plans, rubrics."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from curation import files, roles
from curation.errors import CurationError

DAY = 24 * 60 * 60


def keep(project: Path, place: str, content: bytes) -> Path:
    """Write a file of a project folder and return its path.

    place: relative to the folder. Raises CurationError where it cannot be written, and for a place
    outside the folder.
    """
    roles.need(project, roles.OWNER)
    path = project / place
    if ".." in Path(place).parts or not path.is_relative_to(project):
        raise CurationError(f"{place} is no place in the project.")
    files.write_bytes(path, content)
    return path


def keep_upload(project: Path, name: str, content: bytes) -> Path:
    """Save an upload as a file, which a job reads instead of the app, and return its path.

    The project keeps its own copy of an imported file, so uploads older than a day are removed.
    """
    path = project / "uploads" / name
    if not path.exists():
        keep(project, f"uploads/{name}", content)
        forget(path.parent, time.time() - DAY)
    return path


def forget(folder: Path, before: float) -> None:
    """Remove files that were last written before a time, in seconds since 1970, and empty folders."""
    for old in sorted(folder.rglob("*"), reverse=True):  # files before their folder
        with contextlib.suppress(OSError):  # another session removed it, or it is not empty
            if old.is_dir():
                old.rmdir()
            elif old.lstat().st_mtime < before:
                old.unlink()
