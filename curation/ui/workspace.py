"""The folder of the projects that the app shows, and who may upload to one of them."""

from __future__ import annotations

import os
from pathlib import Path

from curation import roles


def workspace() -> Path:
    """The folder that holds the projects: CURATION_WORKSPACE, or `projects` beside the app."""
    return Path(os.environ.get("CURATION_WORKSPACE", "projects")).resolve()


def folders() -> set[Path]:
    """Every project in the workspace, and the one the app was started with."""
    paths = {path.parent for path in workspace().glob("*/project.toml")}
    if started := os.environ.get("CURATION_PROJECT"):
        paths.add(Path(started))
    return paths


def may_upload(who: roles.Person) -> bool:
    """Whether a person uploads files for a project: as an annotator decisions, as an owner data.

    An upload lies in the server's memory, so nobody else fills it.
    """
    return who.is_host or any(
        roles.is_at_least(folder, who, roles.ANNOTATOR) for folder in folders()
    )
