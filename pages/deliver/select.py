"""Select: a budget, a method, and the coverage of the choice compared with chance."""

from __future__ import annotations

import streamlit as st

from curation.ui import selection_form, selection_result, shell, state


def draw() -> None:
    """The page."""
    shell.header(
        "Select",
        "Choose a good and diverse part within a budget, and compare its coverage with chance.",
    )
    project, view = state.need_view()
    shell.stale(view)
    with st.container(border=True):
        selection_form.draw(project, view.dataset)
    selection_result.draw(project, view)


draw()
