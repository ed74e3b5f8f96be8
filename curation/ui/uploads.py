"""Files that a person points at: uploads as files of the project, and paths that may be read."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from curation import files
from curation.errors import CurationError
from curation.incoming import shown
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
    """An existing path under one of `allowed_roots`, with links resolved.

    Raises CurationError for any other path, and for one with a hidden part.
    """
    roots = allowed_roots()
    _check_visible(text, Path(text))
    try:
        paths = [Path(os.path.realpath(root / text)) for root in roots]
        inside = [path for path in paths if any(path.is_relative_to(root) for root in roots)]
        present = next((path for path in inside if path.exists()), None)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds a NUL character"
        raise CurationError(f"{shown(text)} is no path that can be read: {reason}.") from None
    if not inside:
        raise CurationError(
            f"{shown(paths[0])} is not under {' or '.join(map(str, roots))}, from where files may "
            "be read. Set CURATION_FILES to allow another folder."
        )
    for path in inside:
        _check_visible(text, path)
    if present is None:
        raise CurationError(f"{shown(inside[0])} does not exist.")
    return present


def _check_visible(text: str, path: Path) -> None:
    """Raise CurationError where a part of a path, as given or resolved, is hidden."""
    for part in path.parts:
        if part.startswith(".") and part not in (".", ".."):
            raise CurationError(
                f"{shown(text)} leads through {shown(part)}, which is hidden; hidden files are not "
                "read by path. Copy the file elsewhere, or upload it."
            )


def forget(folder: Path, before: float) -> None:
    """Remove files that were last written before a time, in seconds since 1970, and empty folders."""
    for old in sorted(folder.rglob("*"), reverse=True):  # files before their folder
        with contextlib.suppress(OSError):  # another session removed it, or it is not empty
            if old.is_dir():
                old.rmdir()
            elif old.lstat().st_mtime < before:
                old.unlink()
