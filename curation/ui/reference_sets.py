"""The form that adds a reference set: a file, another project or an earlier export to compare with."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import commands, jobs
from curation.errors import CurationError
from curation.export.deliveries import deliveries
from curation.project import Project
from curation.reference_sets import ReferenceSet
from curation.ui import shell, state, uploads
from curation.ui.slots import Slot, set_widget
from curation.ui.text import markdown

OPEN = "coverage-adding"
"""Key of the popover that holds the form: True while it is open."""

_BEFORE = Slot[set[tuple[str, float]] | None]("references-before", None)
"""The reference sets before one was added; None while none is being added."""


def adding(project: Project) -> None:
    """Draw the form; its button starts the job that reads the reference set."""
    try:
        path, source, options = _picked(project)
    except CurationError as error:
        st.error(markdown(error, 400), icon=":material/block:")
        path, source, options = None, "", []
    name = st.text_input(
        "Name", key="reference-name", placeholder=source.split(".")[0] or "GSM8K test"
    )
    st.button(
        "Add it",
        key="reference-add",
        type="primary",
        icon=":material/add:",
        disabled=path is None,
        on_click=_start,
        args=(project, path, name.strip(), source, options),
    )


def _start(project: Project, path: Path, name: str, source: str, options: list[str]) -> None:
    """Start the job that reads the reference set, and note which reference sets there were before it."""
    if shell.start_job(project, commands.add_reference(project.path, path, name, options)):
        state.flash(
            f"Reading {name or source or 'the reference set'}; this page shows it when it is ready.",
            ":material/hourglass:",
        )
        set_widget(OPEN, False)
        _BEFORE.set(project, _as_read(project.references.all()))


def just_added(project: Project, references: list[ReferenceSet]) -> ReferenceSet | None:
    """The reference set that was added on this page and not shown yet, or None."""
    before = _BEFORE.get(project)
    if before is None:
        return None
    new = next((t for t in references if not _as_read([t]) <= before), None)
    if new is not None or not jobs.at_work(
        project.path, "reference", newest=shell.RECENT
    ):  # the job failed, or the set was there already
        _BEFORE.take(project)
    return new


def _as_read(references: list[ReferenceSet]) -> set[tuple[str, float]]:
    return {(reference.slug, reference.time) for reference in references}


def _picked(project: Project) -> tuple[Path | None, str, list[str]]:
    """The chosen file or folder, its name, and options for reading it."""
    how = st.segmented_control(
        "From",
        ["Upload", "Path", "Project", "Export"],
        default="Upload",
        key="reference-how",
        required=True,
        label_visibility="collapsed",
    )
    if how == "Project":
        others = [p for p in state.project_paths() if p.resolve() != project.path.resolve()]
        chosen = _folder("Project", others, "reference-project")
        whole = st.toggle("Dropped rows too", key="reference-dropped")
        return chosen, chosen.name if chosen else "", ["--dropped"] if whole else []
    if how == "Export":
        folders = [delivery.folder for delivery in deliveries(project.path)]
        chosen = _folder("Earlier export", folders, "reference-export")
        return chosen, chosen.name if chosen else "", []
    if how == "Path":
        text = st.text_input("A file, a project or an export", key="reference-path").strip()
        path = uploads.pointed_at(project, text) if text else None
        source = path.name if path else ""
    else:
        upload = st.file_uploader(uploads.FORMATS, key="reference-upload")
        path, source = (uploads.kept(project, upload), upload.name) if upload else (None, "")
    columns = st.text_input(
        "Columns, when they are not recognised",
        key="reference-map",
        placeholder="prompt=question response=answer",
    )
    return path, source, [f"--source={source}", *(f"--map={pair}" for pair in columns.split())]


def _folder(label: str, folders: list[Path], key: str) -> Path | None:
    return st.selectbox(label, folders, index=None, format_func=lambda p: p.name, key=key)
