"""Examples with different answers, one at a time, and the keys that settle them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from curation.dataset import load_messages
from curation.decisions import State
from curation.looking.agreement import Agreement
from curation.looking.disputes import choices, disputes
from curation.project import Project, View
from curation.ui import state
from curation.ui.card import FOLDER as CARD
from curation.ui.settle import answers
from curation.ui.slots import widget_value

FOLDER = Path(__file__).parent

BEHIND, AHEAD = 1, 8
"""Examples that the browser holds before and after the one that it shows."""

LONGEST = 200_000
"""Characters of a turn that are sent."""

EMPTY = "Nobody has different answers, or all of them are settled."

_mount = st.components.v2.component(
    "curation_settle",
    js="\n".join(
        path.read_text("utf-8")
        for path in (CARD / "text.js", CARD / "outbox.js", FOLDER / "settle.js")
    ),
    css=(FOLDER / "settle.css").read_text("utf-8"),
)


def key_of(project: Project) -> str:
    """The key under which the session keeps what the browser sent."""
    return f"settle-{project.path}"


@st.fragment
def draw(project: Project, view: View, result: Agreement) -> None:
    """Save what the browser sent, and draw the examples from the one that it is at."""
    state.present(project)
    sent: Any = widget_value(key_of(project)) or {}
    request = sent.get("request") or {}
    done = answers.write(project, request.get("answers", ()))
    people = project.people() or State()
    rows = view.dataset.rows
    waiting, settled = disputes(result, people, rows.index)
    listing = f"{project.path} {result.question}"
    place = int(request.get("from", 0)) if request.get("listing") == listing else 0
    if done.back in waiting:
        place = waiting.index(done.back)
    start = max(0, min(place, len(waiting) - 1) - BEHIND)
    if not state.annotator():
        st.caption("Type your name on the left first. Decisions are saved under a name.")
    names = st.toggle(
        "Names",
        value=True,
        key="settle-names",
        persist_state="session",
        help="Without names nobody is believed for being somebody.",
    )
    _mount(
        key=key_of(project),
        data={
            "items": [
                _item(view, people, example, result.question, names)
                for example in waiting[start : start + BEHIND + AHEAD]
            ],
            "start": start,
            "count": len(waiting),
            "settled": settled,
            "listing": listing,
            "question": result.question,
            "names": names,
            "revision": people.last,
            "empty": EMPTY,
            "annotator": state.annotator(),
            "back": f"{done.back} {done.undone}" if done.back else "",
            "saved": done.saved,
            "refused": done.refused,
            "trouble": done.trouble,
        },
        on_request_change=_heard,
    )


def _heard() -> None:
    """Declare the state that the browser sends; it is read when the fragment is drawn."""


def _item(view: View, people: State, example: str, question: str, names: bool) -> dict[str, Any]:
    row = view.dataset.rows.loc[example]
    turns = load_messages(str(row["messages"]))
    given = choices(people, example, question)
    return {
        "id": example,
        "source": str(row["source"]),
        "turns": [[turn.role, (turn.content or "")[:LONGEST]] for turn in turns],
        "choices": given if names else [{**choice, "names": []} for choice in given],
    }
