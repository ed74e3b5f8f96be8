"""Acts of a person on examples by a click: drawn and saved by the same code, for one or for many.

A button carries everything that its click needs: an id of its own, so that a repeated click adds
nothing, and the newest decision when it was drawn, so that decisions of others since then are reported.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from curation.decisions import as_one_act
from curation.errors import CurationError
from curation.project import Project
from curation.text.counted import counted
from curation.ui import state

NAMELESS = "Type your name on the left first. Decisions are saved under a name."


@dataclass(frozen=True)
class Act:
    """A decision or another action of a person on one example or on many.

    label, icon: of the button. about: its effect, in a sentence. kind, value: of the decision; an
    act without a kind decides nothing. done: the word shown afterwards, before the number of examples.
    run: what a click does instead of deciding. page: the page that a click opens with the example.
    """

    label: str
    icon: str
    about: str = ""
    kind: str = ""
    value: Any = None
    done: str = ""
    run: Callable[[Project, str], None] | None = None
    page: str = ""

    @property
    def key(self) -> str:
        """The act's part of the key of its button."""
        return self.label.lower().replace(" ", "-")


KEEP = Act(
    "Keep", ":material/check:", "They stay, even where a step drops them.", "keep", None, "Kept"
)
DROP = Act(
    "Drop",
    ":material/close:",
    "They stay in the file. You can undo this.",
    "drop",
    None,
    "Dropped",
)
REVIEW = Act(
    "Review",
    ":material/flag:",
    "They wait in the queue “To review”.",
    "flag",
    "review",
    "Sent to review:",
)
TAG = Act("Tag", "", "You can filter by this tag later.", "tag", None, "Tagged")
UNTAG = Act("Untag", "", "", "untag", None, "Untagged")
LABEL = Act(
    "Label", "", "Their class. It replaces the label that they have.", "label", None, "Labelled"
)
EDIT = Act("Edit", ":material/edit:", page="pages/review/annotate.py")


def new_op() -> str:
    """An id made when a button is drawn, so that a repeated click adds nothing."""
    return uuid.uuid4().hex


def newest_decision(project: Project) -> int:
    """The number of the newest decision; a decision of somebody else after it is reported on a click."""
    people = project.people()
    return 0 if people is None else people.last


# --- saving ---------------------------------------------------------------------------------


def decide(
    project: Project,
    act: Act,
    ids: Sequence[str],
    value: Any,
    op: str,
    base: int,
    reason: str = "",
) -> None:
    """Save the decision of an act about each example, as one undoable action; see `save`."""
    save(project, [(act, example_id, value) for example_id in ids], op, base, reason)


def save(
    project: Project,
    decisions: Sequence[tuple[Act, str, Any]],
    op: str,
    base: int,
    reason: str = "",
) -> bool:
    """Append a decision for each (act, example, value), all or none; True when they are on disk.

    op, base: made when the button was drawn, see `new_op` and `newest_decision`. reason: saved with
    each decision. A failure is shown in a sentence.
    """
    who = state.annotator()
    try:
        if not who:
            raise CurationError(NAMELESS)
        state.present(project)
        changes = [(act.kind, example_id, value) for act, example_id, value in decisions]
        saved = project.decisions.append(as_one_act(changes, who, op, base, reason))
    except CurationError as error:
        state.flash(f"Not saved: {error}", ":material/error:")
        return False
    if saved.conflicts:
        state.flash(
            f"Somebody else also decided {len(saved.conflicts):,} of these meanwhile; "
            "both decisions are kept.",
            ":material/group:",
        )
    if saved.appended:
        act, _, value = decisions[0]
        word = f" “{value}”" if value is not None and value != act.value else ""
        state.flash(f"{act.done} {counted(len(decisions), 'example')}{word}")
    return True


def undo(project: Project) -> None:
    """Undo all of this annotator's last action."""
    _switch(project, "undo", "Undone", ":material/undo:")


def redo(project: Project) -> None:
    """Repeat the action that this annotator undid last."""
    _switch(project, "redo", "Done again", ":material/redo:")


def _switch(project: Project, kind: str, done: str, icon: str) -> None:
    who = state.annotator()
    try:
        if not who:
            raise CurationError(NAMELESS)
        state.present(project)
        event = (project.decisions.undo if kind == "undo" else project.decisions.redo)(who)
    except CurationError as error:
        state.flash(f"Not saved: {error}", ":material/error:")
        return
    state.flash(done if event else f"There is nothing to {kind}", icon)


# --- drawing --------------------------------------------------------------------------------


def for_one(project: Project, acts: Sequence[Act], example_id: str, key: str) -> bool:
    """Draw a button for each act, side by side; True when one was clicked just now."""
    place = st.container(horizontal=True)
    clicked = [_button(project, act, example_id, key, place) for act in acts]
    return any(clicked)


def _button(project: Project, act: Act, example_id: str, key: str, place: Any) -> bool:
    run: Callable[[], Any] | None = None
    if act.kind:
        run = partial(
            decide, project, act, (example_id,), act.value, new_op(), newest_decision(project)
        )
    elif act.run is not None:
        run = partial(act.run, project, example_id)
    clicked: bool = place.button(
        act.label,
        icon=act.icon,
        key=f"{key}-{act.key}-{example_id}",
        help=None if act.kind else act.about or None,
        on_click=run,
    )
    if clicked and act.page:
        address = {"project": state.address(project.path), "example": example_id}
        st.switch_page(act.page, query_params=address)
    return clicked


def for_many(project: Project, ids: Sequence[str], key: str) -> None:
    """Draw Keep, Drop, Review, Tag and Label for all the given examples at once."""
    if not state.annotator():
        st.caption(NAMELESS)
        return
    place = st.container(horizontal=True)  # it wraps, so that no label is cut
    for act in (KEEP, DROP, REVIEW):
        ask(project, act, ids, f"{key}-{act.key}", place=place)
    for act in (TAG, LABEL):
        _ask_word(project, act, ids, f"{key}-{act.key}", place)


def ask(
    project: Project, act: Act, ids: Sequence[str], key: str, *, about: str = "", place: Any = st
) -> None:
    """Draw a button for many examples; it shows their number and asks for a confirmation.

    about: a sentence in place of the act's own.
    """
    if not state.annotator():
        place.caption(NAMELESS)
        return
    many = f"{len(ids):,}"
    label = f"{act.label} {many}…"
    with place.popover(label, icon=act.icon, disabled=not ids, key=key):
        st.markdown(f"{act.label} **{counted(len(ids), 'example')}**? {about or act.about}")
        reason = ""
        if act.kind == "drop":
            reason = st.text_input("Reason", key=f"{key}-reason", placeholder="optional")
        label = f"Yes, {act.label.lower()} {many}"
        _go(project, act, ids, act.value, label, key, reason=reason)


def _ask_word(project: Project, act: Act, ids: Sequence[str], key: str, place: Any) -> None:
    """Draw a popover that gives one word to all the given examples."""
    with place.popover(act.label, disabled=not ids):
        word = st.text_input(act.label, key=key, placeholder="e.g. maths", help=act.about).strip()
        _go(project, act, ids, word, f"{act.label} {len(ids):,}", key, disabled=not word)


def _go(
    project: Project,
    act: Act,
    ids: Sequence[str],
    value: Any,
    label: str,
    key: str,
    *,
    disabled: bool = False,
    reason: str = "",
) -> None:
    """Draw the button that decides about many examples."""
    st.button(
        label,
        key=f"{key}-go",
        icon=act.icon or None,
        type="primary",
        disabled=disabled,
        on_click=decide,
        args=(project, act, ids, value, new_op(), newest_decision(project), reason),
    )
