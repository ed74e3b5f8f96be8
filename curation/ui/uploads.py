"""Files that a person points at: uploads as files of the project, and paths that may be read."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from curation import files
from curation.errors import CurationError
from curation.project import Project, slug

DAY = 24 * 60 * 60


def kept(project: Project, upload: Any) -> Path:
    """An upload as a file of its own, so that reading it never happens in the app.

    The project keeps its own copy of what is imported, so uploads of yesterday are removed.
    """
    folder = project.path / "uploads"
    path = folder / f"{upload.file_id}-{slug(upload.name)}"
    if not path.exists():
        files.write_bytes(path, upload.getvalue())
        forget(folder, time.time() - DAY)
    return path


def allowed_root() -> Path:
    """Files are read by path only under this folder: CURATION_FILES, or the home folder."""
    return Path(os.environ.get("CURATION_FILES", Path.home())).resolve()


def allowed(text: str) -> Path:
    """A path below that folder, where there is something; raises CurationError for any other."""
    root = allowed_root()
    path = (root / text).resolve()
    if not path.is_relative_to(root):
        raise CurationError(f"{path} is not under {root}, the folder that files may be read from.")
    if not path.exists():
        raise CurationError(f"{path} does not exist.")
    return path


def forget(folder: Path, before: float) -> None:
    """Remove files that were last written before a time, in seconds since 1970, and empty folders."""
    for old in sorted(folder.rglob("*"), reverse=True):  # what a folder holds before the folder
        with contextlib.suppress(OSError):  # another session was faster, or something is left in it
            if old.is_dir():
                old.rmdir()
            elif old.lstat().st_mtime < before:
                old.unlink()
