"""The lead's form on the Team page: how many people answer each example."""

from __future__ import annotations

import streamlit as st

from curation.decisions import State
from curation.looking.queues import changes_in
from curation.project import Project, View
from curation.review import MOST_ANSWERS, Review, change_review, read_review
from curation.ui import state
from curation.ui.slots import widget_value


def draw(project: Project, view: View, people: State | None) -> None:
    """Draw what the settings mean now, in a sentence, and the form behind a button."""
    review = read_review(project.path)
    changes = None if people is None else changes_in(project.decisions)
    board = state.board(str(project.path))
    progress = board.progress(view.dataset.rows, people, review, changes)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(progress.sentence(review), width="stretch")
        if not state.owns(project):
            return
        with st.popover("Overlap", icon=":material/group_add:"), st.form("review", border=False):
            fields(review)
            st.form_submit_button("Save", type="primary", on_click=_save, args=(project,))


def fields(review: Review) -> None:
    """Draw the fields of the form."""
    st.number_input(
        "People who answer each shared example",
        1,
        MOST_ANSWERS,
        value=review.overlap,
        key="review-overlap",
        help="With 2, each shared example is answered by two people, who do not see each other's "
        "answers before. It can be changed at any time; given answers stay.",
    )
    st.number_input(
        "Shared examples, in per cent",
        0,
        100,
        value=round(review.share * 100),
        key="review-share",
        help="With 20, every fifth example is shared and the others are answered by one person. "
        "Everybody shares the same ones.",
    )


def _save(project: Project) -> None:
    """Write the fields of the form into the project, as its callback."""
    with state.flashing_errors():
        former = read_review(project.path)
        overlap, percent = widget_value("review-overlap"), widget_value("review-share")
        share = former.share if percent == round(former.share * 100) else percent / 100
        change_review(project.path, overlap=int(overlap), share=share)
        state.flash("Saved. Queues on all pages follow at once.")
