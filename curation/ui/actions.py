"""What a click decides; everything comes with the arguments, nothing is looked up."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import streamlit as st

from curation.decisions import as_one_act
from curation.errors import CurationError
from curation.project import Project
from curation.ui import state

DONE = {
    "keep": "Kept",
    "drop": "Dropped",
    "tag": "Tagged",
    "untag": "Untagged",
    "flag": "Sent to review:",
    "label": "Labelled",
}

NAMELESS = "Say who you are on the left first; decisions carry a name."


def new_op() -> str:
    """An id made when a button is drawn, so that a repeated click adds nothing."""
    return uuid.uuid4().hex


def seen(project: Project) -> int:
    """The newest decision when a button is drawn; what others say after it is news to who clicks."""
    people = project.people()
    return 0 if people is None else people.last


def decide(project: Project, kind: str, ids: Sequence[str], value: Any, op: str, base: int) -> None:
    """Append one decision per example, as one undoable action, as a button's callback."""
    decide_together(project, [(kind, i, value) for i in ids], op, base)


def decide_together(
    project: Project, said: Sequence[tuple[str, str, Any]], op: str, base: int
) -> bool:
    """Append (kind, example, value) each, all or none, as one undoable action; True when on disk.

    op, base: made when the button was drawn, see `new_op` and `seen`. What could not be saved is
    said in a sentence.
    """
    who = state.annotator()
    decisions = as_one_act(said, who, op, base)
    try:
        if not who:
            raise CurationError(NAMELESS)
        state.present(project)
        done = project.decisions.append(decisions)
    except CurationError as error:
        state.flash(f"Not saved: {error}", ":material/error:")
        return False
    if done.conflicts:
        state.flash(
            f"{len(done.conflicts):,} of these were also decided by somebody else meanwhile; "
            "both are kept.",
            ":material/group:",
        )
    if done.appended:
        kind, _, value = said[0]
        what = f" “{value}”" if kind in ("tag", "untag", "label") else ""
        state.flash(
            f"{DONE[kind]} {done.appended:,} example{'s' if done.appended != 1 else ''}{what}"
        )
    return True


def undo(project: Project) -> None:
    """Take back this annotator's last action, all of it."""
    _switch(project, "undo", "Undone", ":material/undo:")


def redo(project: Project) -> None:
    """Do again what this annotator undid last."""
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


def bulk_buttons(project: Project, ids: Sequence[str], key: str) -> None:
    """Keep, drop, send to review, tag and label, for all the given examples at once."""
    if not state.annotator():
        st.caption(NAMELESS)
        return
    columns = [*st.columns(2), *st.columns([10, 8, 9])]
    for column, (kind, label, icon, about) in zip(
        columns,
        [
            ("keep", "Keep", ":material/check:", "A step that drops them is overruled."),
            ("drop", "Drop", ":material/close:", "They stay in the file; Undo takes it back."),
            ("flag", "Review", ":material/flag:", "They wait in the queue “To review”."),
        ],
        strict=False,
    ):
        bulk_button(
            project, kind, ids, f"{key}-{kind}", label=label, icon=icon, about=about, place=column
        )
    _saying(
        project, ids, key, "tag", columns[3], "A tag makes them a set to filter by and combine."
    )
    _saying(project, ids, key, "label", columns[4], "Their class, in place of any other.")


def bulk_button(
    project: Project,
    kind: str,
    ids: Sequence[str],
    key: str,
    *,
    label: str,
    icon: str,
    about: str,
    place: Any = st,
) -> None:
    """A button for many examples at once: it says how many first, and asks."""
    ids = list(ids)
    many = f"{len(ids):,}"
    if not state.annotator():
        place.caption(NAMELESS)
        return
    with place.popover(f"{label} {many}…", icon=icon, width="stretch", disabled=not ids, key=key):
        st.markdown(f"{label} **{many}** example{'s' if len(ids) != 1 else ''}? {about}")
        st.button(
            f"Yes, {label.lower()} {many}",
            key=f"{key}-go",
            icon=icon,
            type="primary",
            on_click=decide,
            args=(
                project,
                kind,
                tuple(ids),
                "review" if kind == "flag" else None,
                new_op(),
                seen(project),
            ),
        )


def _saying(
    project: Project, ids: Sequence[str], key: str, kind: str, place: Any, about: str
) -> None:
    """A popover that says one word of all the given examples."""
    with place.popover(kind.capitalize(), width="stretch", disabled=not ids):
        word = st.text_input(
            kind.capitalize(), key=f"{key}-{kind}", placeholder="e.g. maths", help=about
        )
        st.button(
            f"{kind.capitalize()} {len(ids):,}",
            key=f"{key}-{kind}-go",
            disabled=not word.strip(),
            type="primary",
            on_click=decide,
            args=(project, kind, tuple(ids), word.strip(), new_op(), seen(project)),
        )
