"""Two examples beside each other: a component that answers keys in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from curation.looking.duplicates import Copies, Cut, Order
from curation.project import Project
from curation.ui import state
from curation.ui.card import FOLDER as CARD
from curation.ui.duplicates import answers
from curation.ui.slots import widget_value

FOLDER = Path(__file__).parent

BEHIND, AHEAD = 1, 5
"""Pairs that the browser holds before and after the one that it shows."""

EMPTY: dict[Order, str] = {
    "largest": "No two examples are that similar, or somebody decided about all that are.",
    "least": "No two examples are that similar, or somebody decided about all that are.",
    "conflicts": "No prompt is answered or labelled in two ways, or somebody decided about all.",
}

_mount = st.components.v2.component(
    "curation_pair",
    js="\n".join(
        path.read_text("utf-8")
        for path in (CARD / "text.js", CARD / "outbox.js", FOLDER / "pair.js")
    ),
    css=(FOLDER / "pair.css").read_text("utf-8"),
)


def key_of(project: Project) -> str:
    """The key under which the session keeps what the browser sent."""
    return f"pair-{project.path}"


def take(project: Project) -> answers.Written:
    """Save the answers that the browser sent; those on disk already add nothing."""
    sent: Any = widget_value(key_of(project)) or {}
    request = sent.get("request") or {}
    return answers.write(project, request.get("answers", ()), state.annotator())


def draw(project: Project, copies: Copies, cut: Cut, order: Order, done: answers.Written) -> None:
    """Draw the pairs to look at, from the one that the browser is at."""
    sent: Any = widget_value(key_of(project)) or {}
    request = sent.get("request") or {}
    count, listing = len(cut.pairs), f"{copies.name} {order}"
    place = int(request.get("from", 0)) if request.get("listing") == listing else 0
    start = max(0, min(place, count - 1) - BEHIND)
    _mount(
        key=key_of(project),
        data={
            "pairs": [
                _pair(copies, cut, number, order)
                for number in range(start, min(count, start + BEHIND + AHEAD))
            ],
            "start": start,
            "count": count,
            "listing": listing,
            "conflict": order == "conflicts",
            "revision": 0 if copies.people is None else copies.people.last,
            "empty": EMPTY[order],
            "blocked": not state.annotator(),
            "saved": done.saved,
            "refused": done.refused,
            "trouble": done.trouble,
        },
        on_request_change=_heard,
    )


def _heard() -> None:
    """Declare the state that the browser sends; it is read when the fragment is drawn."""


def _pair(copies: Copies, cut: Cut, place: int, order: Order) -> dict[str, Any]:
    shown = copies.shown(cut.pairs[place])
    size, similarity = int(cut.sizes[place]), float(cut.similarity[place])
    group = f"a group of {size:,}"
    about = (
        f"{group}, answered otherwise"
        if order == "conflicts"
        else f"similarity {similarity:.2f} · {group}"
    )
    conflict = order == "conflicts"
    return {
        **shown,
        "key": f"{shown['left']['id']} {shown['right']['id']}",
        "about": about,
        "leftTitle": "▲ one answer" if conflict else "✓ kept",
        "leftKind": "warn" if conflict else "kept",
        "rightTitle": "▲ another answer"
        if conflict
        else "▲ its copy, kept"
        if copies.flags
        else "✕ dropped as its copy",
        "rightKind": "warn" if conflict or copies.flags else "dropped",
    }
