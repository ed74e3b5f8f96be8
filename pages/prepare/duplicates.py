"""Duplicates: groups of copies beside each other, and the threshold that makes them."""

from __future__ import annotations

from curation.ui import shell, state
from curation.ui.duplicates import threshold


def draw() -> None:
    """The page."""
    shell.header(
        "Duplicates",
        "Which examples are copies of each other? Choose the threshold by looking at pairs, and decide "
        "about single ones by keys.",
    )
    project, view = state.need_view()
    chosen = threshold.choose(project, view)
    if chosen is not None:
        threshold.draw(project, *chosen)


draw()
