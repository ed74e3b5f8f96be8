"""Two examples beside each other: a component that answers keys in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.looking.duplicates import Copies, Cut, Order
from curation.project import Project
from curation.ui.answers import Written
from curation.ui.duplicates import answers
from curation.ui.listing import Listing

LISTING = Listing("pair", Path(__file__).parent, ahead=5)

EMPTY: dict[Order, str] = {
    "largest": "No two examples are that similar, or somebody decided about all that are.",
    "least": "No two examples are that similar, or somebody decided about all that are.",
    "conflicts": "No prompt is answered or labelled in two ways, or somebody decided about all.",
}


def take(project: Project) -> Written:
    """Save the answers that the browser sent; those on disk already add nothing."""
    return answers.write(project, LISTING.answers(project))


def draw(project: Project, copies: Copies, cut: Cut, order: Order, written: Written) -> None:
    """Draw the pairs to look at, from the one that the browser is at."""
    LISTING.draw(
        project,
        f"{copies.name} {order}",
        len(cut.pairs),
        lambda place: _pair(copies, cut, place, order),
        written,
        revision=0 if copies.people is None else copies.people.last,
        empty=EMPTY[order],
        conflict=order == "conflicts",
    )


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
        "id": f"{shown['left']['id']} {shown['right']['id']}",
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
