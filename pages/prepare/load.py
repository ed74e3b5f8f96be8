"""Load: files in, what was recognised, what was refused and why."""

from __future__ import annotations

import streamlit as st

from curation import commands
from curation.errors import CurationError
from curation.project import Project
from curation.reading import Reading
from curation.ui import shell, state, uploads
from curation.ui.load import files, imported, leftover, preview, projects, refused
from curation.ui.load.preview import FileToRead
from curation.ui.text import markdown


def draw_import(project: Project) -> None:
    """The files that a person points at, each with its preview, and the button that reads them."""
    chosen, undecided = list[FileToRead](), False
    for path, name in files.draw(project):
        with st.container(border=True):
            st.markdown(f"**{markdown(name)}**")
            try:
                file = preview.draw(project, path, name)
            except CurationError as error:
                st.error(markdown(error, 400), icon=":material/block:")
                continue
            undecided = undecided or file.replace is None
            if not file.imported:
                chosen.append(file)
    st.button(
        f"Import {len(chosen)} file{'s' if len(chosen) != 1 else ''}" if chosen else "Import",
        type="primary",
        key="load-go",
        icon=":material/download:",
        disabled=not chosen or undecided,
        on_click=start,
        args=(project, tuple(chosen)),
    )


def start(project: Project, chosen: tuple[FileToRead, ...]) -> None:
    """Start one job for all files that are read alike; they are then merged at once."""
    alike = dict[tuple[Reading, bool, bool], list[FileToRead]]()
    for file in chosen:
        uploaded = uploads.is_upload(project, file.path)
        alike.setdefault((file.reading, bool(file.replace), uploaded), []).append(file)
    for (reading, replace, uploaded), group in alike.items():
        paths = [str(file.path) for file in group]
        names = [file.name for file in group] if uploaded else []  # a file is known by its path
        title = group[0].name if len(group) == 1 else f"{len(group)} files"
        command = commands.import_files(project.path, paths, names, reading, replace, title)
        shell.start_job(project, command)


def draw() -> None:
    """The page."""
    shell.header(
        "Load",
        "Open any SFT file. Every line is an example, a refused line with a reason, or blank.",
    )
    project = state.current_project()
    if project is None:
        projects.draw(None)
        return
    if not shell.note_owners(project):
        with st.container(border=True):
            draw_import(project)
    part = st.segmented_control(
        "Show",
        ["Imported", "Refused", "New project"],
        default="Imported",
        key="load-part",
        required=True,
        label_visibility="collapsed",
    )
    if part == "Refused":
        refused.draw(project)
    elif part == "New project":
        projects.draw(project)
    else:
        imported.draw(project)
        leftover.draw_left_out(project)
        leftover.draw_without_row(project)


draw()
