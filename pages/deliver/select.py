"""Select: a budget and a method, the choice beside chance, what it starves, and why each row."""

from __future__ import annotations

import streamlit as st

from curation.looking.choice import Choice
from curation.ui import shell, state, unread
from curation.ui.select import compare, form, rows, shares, verdict
from curation.ui.select.scene import Scene


def draw() -> None:
    """The page."""
    shell.header(
        "Select",
        "Choose a good and diverse part within a budget, and see whether the choice beats chance.",
    )
    project, view = state.need_view()
    shell.stale(project, view)
    unread.draw(project, view.dataset.rows, view.fingerprint)
    form.draw(project, view.dataset)
    choice = Choice.of(view.dataset)
    if choice is None:
        st.caption("Choose a method and run it to see what it chooses.")
        return
    scene = Scene(project, view, choice)
    verdict.draw(scene)
    shares.draw_starved(scene)
    shares.draw(scene)
    verdict.draw_curves(scene)
    compare.draw(scene)
    rows.draw(scene)


draw()
