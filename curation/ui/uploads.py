"""Files that a person points at: uploads as files of the project, and paths that may be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from curation import forms, roles, roots
from curation.project import Project
from curation.text.slug import slug
from curation.ui.workspace import workspace

FORMATS = "JSON Lines, JSON, CSV, TSV or Parquet, plain or compressed"
"""Label of a field for uploads."""


def kept(project: Project, upload: Any) -> Path:
    """Save an upload as a file of the project; see `forms.keep_upload`."""
    return forms.keep_upload(
        project.path, f"{upload.file_id}-{slug(upload.name)}", upload.getvalue()
    )


def is_upload(project: Project, path: Path) -> bool:
    """Whether a file was uploaded by the browser, so its own folder is unknown."""
    return path.is_relative_to(project.path / "uploads")


def allowed_roots() -> list[Path]:
    """Folders under which files are read by path: CURATION_FILES, or the workspace and `.`.

    CURATION_FILES may name several, separated as in PATH; `.` is the folder where the app started. It
    is the server's own where roles are enforced, and may hold the settings of logins: there only an
    owner of the server reads from it.
    """
    named = os.environ.get("CURATION_FILES", "").split(os.pathsep)
    own = ["."] if roles.is_host() else []
    given = [name for name in named if name.strip()] or [str(workspace()), *own]
    return [Path(os.path.realpath(name)) for name in dict.fromkeys(given)]


def pointed_at(project: Project, text: str) -> Path:
    """A path that an owner of a project names; see `allowed`. Raises NotAllowed for other people."""
    roles.need(project.path, roles.OWNER)
    return allowed(text)


def allowed(text: str) -> Path:
    """An existing path under one of `allowed_roots`.

    Raises CurationError as `roots.allowed` does, and for a path in a project that the person may not
    look at.
    """
    path = roots.allowed(text, allowed_roots(), "Set CURATION_FILES to allow another folder.")
    for folder in (path, *path.parents):
        if (folder / "project.toml").is_file():
            roles.need(folder, roles.READER)
    return path
