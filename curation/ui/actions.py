"""What a click decides; everything comes with the arguments, nothing is looked up."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import streamlit as st

from curation.decisions import Decision
from curation.errors import CurationError
from curation.project import Project
from curation.ui import state

DONE = {
    "keep": "Kept",
    "drop": "Dropped",
    "tag": "Tagged",
    "untag": "Untagged",
    "flag": "Sent to review:",
    "unflag": "Taken from review:",
    "label": "Labelled",
    "edit": "Edited",
    "note": "Noted on",
    "rate": "Rated",
    "skip": "Skipped",
}


def new_op() -> str:
    """An id made when a card or a button is drawn, so that a repeated click adds nothing."""
    return uuid.uuid4().hex


def decide(
    project: Project,
    kind: str,
    ids: Sequence[str],
    value: Any = None,
    op: str | None = None,
    base: int = 0,
    quiet: bool = False,
) -> bool:
    """Append one decision per example, as one undoable action; True when it is on disk.

    What could not be saved is said in a sentence and nothing is.
    """
    return decide_together(project, [(kind, i, value) for i in ids], op or new_op(), base, quiet)


def decide_together(
    project: Project,
    said: Sequence[tuple[str, str, Any]],
    op: str,
    base: int = 0,
    quiet: bool = False,
) -> bool:
    """Append (kind, example, value) each, all or none, as one undoable action."""
    who = state.annotator() or "anonymous"
    decisions = [
        Decision(
            example_id=i,
            kind=kind,
            value=value,
            annotator=who,
            op_id=f"{op}:{n}",
            batch=op,
            content_hash=i.split("-")[0],
            base_revision=base,
        )
        for n, (kind, i, value) in enumerate(said)
    ]
    try:
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
    if not quiet and done.appended:
        kind, _, value = said[0]
        what = f" “{value}”" if kind in ("tag", "untag", "label") else ""
        state.flash(
            f"{DONE[kind]} {done.appended:,} example{'s' if done.appended != 1 else ''}{what}"
        )
    return True


def decide_all(project: Project, kind: str, ids: Sequence[str], value: Any, op: str) -> None:
    """Append a decision for each of many examples, as a button's callback."""
    decide(project, kind, ids, value, op)


def undo(project: Project) -> None:
    """Take back this annotator's last action, all of it."""
    try:
        event = project.decisions.undo(state.annotator() or "anonymous")
    except CurationError as error:
        state.flash(f"Not undone: {error}", ":material/error:")
        return
    state.flash("Undone" if event else "There is nothing to undo", ":material/undo:")
    if event:
        st.session_state["undone"] = event.example_id  # the Annotate page shows it again


def redo(project: Project) -> None:
    """Do again what this annotator undid last."""
    try:
        event = project.decisions.redo(state.annotator() or "anonymous")
    except CurationError as error:
        state.flash(f"Not redone: {error}", ":material/error:")
        return
    state.flash("Done again" if event else "There is nothing to redo", ":material/redo:")


def bulk_buttons(project: Project, ids: Sequence[str], key: str) -> None:
    """Keep, drop, send to review, tag and label, for all the given examples at once."""
    many = f"{len(ids):,}"
    columns = [*st.columns(2), *st.columns([10, 8, 9])]
    for column, (kind, label, icon) in zip(
        columns,
        [
            ("keep", "Keep", ":material/check:"),
            ("drop", "Drop", ":material/close:"),
            ("flag", "Review", ":material/flag:"),
        ],
        strict=False,
    ):
        value = "review" if kind == "flag" else None
        column.button(
            label if kind == "flag" else f"{label} {many}",
            key=f"{key}-{kind}",
            icon=icon,
            width="stretch",
            disabled=not ids,
            on_click=decide_all,
            args=(project, kind, tuple(ids), value, new_op()),
        )
    _saying(
        project, ids, key, "tag", columns[3], "A tag makes them a set to filter by and combine."
    )
    _saying(project, ids, key, "label", columns[4], "Their class, in place of any other.")


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
            on_click=decide_all,
            args=(project, kind, tuple(ids), word.strip(), new_op()),
        )
