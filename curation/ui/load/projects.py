"""A new project, or the bundled example."""

from __future__ import annotations

import streamlit as st

from curation import roles
from curation.demo import make_demo
from curation.project import Project
from curation.ui import shell, state
from curation.ui.workspace import workspace


def draw(project: Project | None) -> None:
    """Make a project, or open the bundled example."""
    if not roles.is_host():
        st.info(
            "Owners of this server make projects. To work in one, ask an owner of it for a role.",
            icon=":material/group_add:",
        )
        return
    with st.container(border=project is None):
        if project is None:
            st.header("Start", anchor=False)
        columns = st.columns([4, 2, 2], vertical_alignment="bottom")
        name = columns[0].text_input(
            "Name of the new project", key="new-name", placeholder="support-bot"
        )
        columns[1].button(
            "Make it",
            key="new-go",
            type="primary" if project is None else "secondary",
            icon=":material/add:",
            width="stretch",
            disabled=not name.strip(),
            on_click=_make,
            args=(name.strip(),),
        )
        columns[2].button(
            "Open the example",
            key="new-example",
            icon=":material/school:",
            width="stretch",
            on_click=_open_example,
            help="A few hundred examples in several languages, with known faults.",
        )


def _make(name: str) -> None:
    """Make a project and choose it."""
    with state.flashing_errors():
        state.make_project(name)


def _open_example() -> None:
    """Open the example, making it first where it is not there."""
    path = workspace() / "example"
    with state.flashing_errors():
        if not (path / "project.toml").exists():
            shell.start_run(make_demo(path))
        state.choose_project(path)
