"""Files that a person points at: uploads as files of the project, and paths that may be read."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from curation import files, roots
from curation.project import Project
from curation.text.slug import slug
from curation.ui import state

DAY = 24 * 60 * 60

FORMATS = "JSON Lines, JSON, CSV, TSV or Parquet, plain or compressed"
"""Label of a field for uploads."""


def kept(project: Project, upload: Any) -> Path:
    """Save an upload as a file, which a job reads instead of the app.

    The project keeps its own copy of an imported file, so uploads older than a day are removed.
    """
    folder = project.path / "uploads"
    path = folder / f"{upload.file_id}-{slug(upload.name)}"
    if not path.exists():
        files.write_bytes(path, upload.getvalue())
        forget(folder, time.time() - DAY)
    return path


def is_upload(project: Project, path: Path) -> bool:
    """Whether a file was uploaded by the browser, so its own folder is unknown."""
    return path.is_relative_to(project.path / "uploads")


def allowed_roots() -> list[Path]:
    """Folders under which files are read by path: CURATION_FILES, or the workspace and `.`.

    CURATION_FILES may name several, separated as in PATH; `.` is the folder where the app started.
    """
    named = os.environ.get("CURATION_FILES", "").split(os.pathsep)
    given = [name for name in named if name.strip()] or [str(state.workspace()), "."]
    return [Path(os.path.realpath(name)) for name in dict.fromkeys(given)]


def allowed(text: str) -> Path:
    """An existing path under one of `allowed_roots`; see `roots.allowed` for what it raises."""
    return roots.allowed(text, allowed_roots(), "Set CURATION_FILES to allow another folder.")


def forget(folder: Path, before: float) -> None:
    """Remove files that were last written before a time, in seconds since 1970, and empty folders."""
    for old in sorted(folder.rglob("*"), reverse=True):  # files before their folder
        with contextlib.suppress(OSError):  # another session removed it, or it is not empty
            if old.is_dir():
                old.rmdir()
            elif old.lstat().st_mtime < before:
                old.unlink()
