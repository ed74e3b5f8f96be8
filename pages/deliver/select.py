"""Select: a budget, a method, and what the choice covers beside chance."""

from __future__ import annotations

import streamlit as st

from curation.ui import selection_form, selection_result, shell, state


def draw() -> None:
    """The page."""
    shell.header(
        "Select",
        "Choose a good and diverse part under a budget, and see what it covers beside chance.",
    )
    project, view = state.need_view()
    shell.stale(view)
    with st.container(border=True):
        selection_form.draw(project, view.dataset)
    selection_result.draw(project, view)


draw()
