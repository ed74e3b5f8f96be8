"""Annotate: one example at a time, by keyboard."""

from __future__ import annotations

import streamlit as st

from curation.ui import card, queues, shell, state
from curation.ui.text import markdown


def name_form() -> None:
    """Ask for the name under which decisions are saved."""
    with st.form("who", border=False, enter_to_submit=True):
        st.header("Who are you?", anchor=False)
        st.text_input(
            "Your name",
            key="who-name",
            max_chars=state.MOST_LETTERS,
            placeholder="your name",
            help="Your decisions are saved under this name. This browser remembers it.",
        )
        st.form_submit_button(
            "Begin", type="primary", on_click=state.name_given, args=("who-name",)
        )


def draw() -> None:
    """The page."""
    shell.header(
        "Annotate",
        "Keep, drop or correct one example at a time. Every answer is saved and can be undone.",
    )
    project, view = state.need_view()
    if not state.annotator():
        name_form()
        return
    if not state.decides(project):
        st.info(
            "You are a reader of this project. To answer, ask an owner of it to make you an annotator; "
            "to look, open Browse.",
            icon=":material/visibility:",
        )
        return
    # The block is there also without a note: a card whose place in the page moves is mounted anew,
    # and what is typed in the meantime is lost.
    with st.container():
        if not view.current:  # a line, so that the card keeps its room
            st.caption(f":material/history: {markdown(view.note, 400)}")
    card.draw(project, view)
    queues.manage(project)


draw()
