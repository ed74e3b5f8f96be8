"""Annotate: one example at a time, by keyboard."""

from __future__ import annotations

import streamlit as st

from curation.ui import card, shell, state


def name_form() -> None:
    """Ask who is there, before anything can be decided."""
    with st.form("who", border=False, enter_to_submit=True):
        st.subheader("Who are you?", anchor=False)
        st.text_input(
            "Your name",
            key="who-name",
            max_chars=state.MOST_LETTERS,
            placeholder="your name",
            help="Your decisions are kept under this name. This browser remembers it.",
        )
        st.form_submit_button(
            "Begin", type="primary", on_click=state.name_given, args=("who-name",)
        )


def draw() -> None:
    """The page."""
    shell.header(
        "Annotate",
        "Keep, drop or mend one example at a time; every answer is saved, and can be undone.",
    )
    project, view = state.need_view()
    if not state.annotator():
        name_form()
        return
    card.draw(project, view)


draw()
