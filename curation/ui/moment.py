"""A moment of the past on the History page: its numbers, what differs from now, and the way back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.decisions import State
from curation.decisions.moments import Changes, changes_since, moment_words, return_to
from curation.project import Project
from curation.text.counted import counted
from curation.ui import actions, state, tables
from curation.ui.actions import EDIT, NAMELESS
from curation.ui.history import BROWSE, LISTED, PLACE, Scene, see, short_id
from curation.ui.tables import Column
from curation.ui.text import markdown

DIFFERENT = (
    Column("example", width=100),
    Column("prompt", kind="excerpt", width="medium"),
    Column("then", width=260),
    Column("now", width=260),
)
NUMBERS = (Column("examples that are"), Column("then", kind="count"), Column("now", kind="count"))


def draw(scene: Scene) -> bool:
    """Draw the moment that was chosen: its numbers, what differs from now, and the way back to it.

    Returns whether there is one.
    """
    project, seq = scene.project, PLACE.get(scene.project).moment
    if seq is None or seq > scene.reader.state.last:
        return False
    changes = changes_since(project.decisions, seq, project.people)
    then, now = (project.people(until) or State() for until in (seq, changes.last))
    with st.container(border=True):
        st.header(f"After event {seq:,}" if seq else "Before the first decision", anchor=False)
        differs = bool(changes.examples or changes.off or changes.on)
        if differs:
            _compare(scene, changes, then, now)
            agreed = _agreed(changes)
        else:
            st.success("Nothing differs from now.", icon=":material/check:")
        with st.container(horizontal=True):
            if differs:
                _way_back(project, changes, agreed)
            st.button("Back to the list", key="history-close", on_click=see, args=(project, None))
    return True


def _compare(scene: Scene, changes: Changes, then: State, now: State) -> None:
    """Draw the numbers of then and now, and the examples that differ."""
    before, after = moment_words(then), moment_words(now)
    rows = [
        {"examples that are": name, "then": before[name], "now": after[name]}
        for name in before
        if before[name] or after[name]
    ]
    tables.draw(pd.DataFrame(rows), NUMBERS, key=f"history-numbers-{changes.seq}")
    number = len(changes.examples)
    st.caption(f"{counted(number, 'example differs', 'examples differ')} from now")
    listed = changes.examples[:LISTED]
    if not listed:
        return
    frame = pd.DataFrame(
        [
            {
                "example": short_id(i),
                "prompt": scene.prompt(i),
                "then": "; ".join(then.of(i).summary()) or "no decision",
                "now": "; ".join(now.of(i).summary()) or "no decision",
            }
            for i in listed
        ],
        index=list(listed),
    )
    picked = tables.draw(
        frame, DIFFERENT, key=f"history-different-{changes.seq}", pick=True, tallest=280
    )
    if len(changes.examples) > LISTED:
        st.caption(f"The first {LISTED:,} are listed, those decided last first.")
    if picked and picked in scene.prompts.index:
        actions.for_one(scene.project, (BROWSE, EDIT), picked, "history-different")


def _agreed(changes: Changes) -> bool:
    """Draw what would count no more; a tick is needed where it is other people's work."""
    st.markdown(markdown(changes.sentence(), 600))
    others = {n: k for n, k in changes.by_person().items() if n != state.annotator()}
    if not others:
        return True
    names = ", ".join(f"{number:,} of {markdown(name, 40)}" for name, number in others.items())
    return st.checkbox(
        f"Decisions of others stop counting too: {names}", key=f"history-others-{changes.last}"
    )


def _way_back(project: Project, changes: Changes, agreed: bool) -> None:
    """Draw the button that returns to the moment."""
    who = state.annotator()
    st.button(
        "Return to this moment",
        type="primary",
        icon=":material/history:",
        key="history-return",
        disabled=not who or not agreed,
        help="One act. One undo takes it back, and nothing is removed." if who else NAMELESS,
        on_click=_return,
        args=(project, changes, actions.new_op()),
    )


def _return(project: Project, changes: Changes, op: str) -> None:
    with state.flashing_errors():
        state.present(project)
        done = return_to(project.decisions, changes, state.annotator(), op)
        if done.appended:
            state.flash("Returned. Undo takes it back", ":material/history:")
        see(project, None)
