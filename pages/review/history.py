"""History: who decided what and when, and the way back."""

from __future__ import annotations

import streamlit as st

from curation.decisions import State
from curation.ui import decision_files, history, moment, shell, state


def draw() -> None:
    """The page."""
    shell.header(
        "History",
        "Who decided what, and when. Every act can be undone here, and so can going back.",
    )
    project, _ = state.need_view()
    people = project.people()
    if people is None or not people.last:
        st.info(
            "Nobody has decided anything yet. Begin on the Annotate page.",
            icon=":material/history:",
        )
        decision_files.draw(project, State())
        return
    scene = history.scene(project)
    if moment.draw(scene):
        return
    if chosen := history.acts(scene, history.filters(scene)):
        history.act(scene, chosen)
    decision_files.draw(project, people)


draw()
