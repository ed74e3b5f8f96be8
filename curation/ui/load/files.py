"""The choice of files: uploads, a path, a dataset of the Hub, or the bundled example."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import commands
from curation.demo import EXAMPLE, FILES
from curation.project import Project
from curation.ui import shell, uploads
from curation.ui.text import markdown


def draw(project: Project) -> list[tuple[Path, str]]:
    """Widgets that point at files; returns these, each with its name."""
    origin = st.segmented_control(
        "From",
        ["Upload", "Path", "Hub", "Example"],
        default="Upload",
        key="load-how",
        required=True,
        label_visibility="collapsed",
    )
    if origin == "Hub":
        _draw_hub(project)
        return []
    if origin == "Example":
        names = st.pills(
            "Files",
            FILES,
            selection_mode="multi",
            default=list(FILES),
            key="load-example",
            label_visibility="collapsed",
        )
        return [(EXAMPLE / name, name) for name in names]
    if origin == "Path":
        return _at_a_path(project)
    files = st.file_uploader(
        uploads.FORMATS,
        accept_multiple_files=True,
        key="load-upload",
    )
    return [(uploads.kept(project, file), file.name) for file in files]


def _at_a_path(project: Project) -> list[tuple[Path, str]]:
    """A field for a path; returns the file or folder there."""
    roots = uploads.allowed_roots()
    text = st.text_input(
        "Path of a file or folder",
        key="load-path",
        placeholder=str(roots[-1] / "data.jsonl"),
        help=f"Under {' or '.join(markdown(str(root)) for root in roots)}. Set CURATION_FILES to allow another folder.",
    ).strip()
    if not text:
        return []
    path = uploads.pointed_at(project, text)
    return [(path, path.name)]


def _fetch(project: Project, id: str, revision: str) -> None:
    """Start the job that fetches a dataset of the Hub and imports it."""
    shell.start_job(project, commands.fetch(project.path, id, revision))


def _draw_hub(project: Project) -> None:
    """A dataset of the Hugging Face Hub by its id; it is fetched, pinned, and read like a file."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    id = left.text_input("Dataset", key="load-hub", placeholder="owner/name").strip()
    revision = right.text_input("Revision", key="load-revision", placeholder="the newest").strip()
    st.button(
        "Fetch and import",
        key="load-hub-go",
        icon=":material/cloud_download:",
        disabled=not id,
        on_click=_fetch,
        args=(project, id, revision),
        help="Needs the network. No code of the dataset is run.",
    )
