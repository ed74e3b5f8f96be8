"""Overview: how many examples there are, what each step dropped, and their topics."""

from __future__ import annotations

from functools import partial

import streamlit as st

from curation.dataset import Dataset
from curation.looking.counts import Counts, by_source
from curation.looking.masks import kept_values
from curation.ui import charts, measures, progress, shell, state, tables
from curation.ui.tables import Column

FILE = (
    Column("source"),
    Column("examples", kind="count"),
    Column("kept", kind="count"),
    Column("format"),
    Column("share kept", kind="progress"),
)
"""A file, and what became of its examples."""


def draw_counts(counts: Counts, ran: bool) -> None:
    """Draw the main numbers; ran: whether a recipe has kept and dropped anything."""
    box = partial(charts.number, height="stretch")
    with charts.numbers("overview"):
        box("Examples", f"{counts.examples:,}")
        if ran:
            box("Kept", f"{counts.kept:,}", f"{counts.share_kept:.1%}")
            box("Dropped", f"{counts.dropped:,}")
        box(
            "Need attention",
            f"{counts.attention:,}",
            help="They were read, but a trainer cannot use them as they are. "
            "An export leaves them out unless you include them.",
        )
        box("Refused on import", f"{counts.refused:,}")
        box("Decided by people", f"{counts.decided:,}")


def draw_funnel(dataset: Dataset) -> None:
    """Draw what each step dropped, beside the topics of the kept examples."""
    if not dataset.steps:
        st.caption("Run the recipe to see what it drops.")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        charts.funnel(dataset, key="funnel")
    with right:
        if "topic" in dataset.rows:
            st.caption("The largest topics of the kept examples")
            charts.counts(kept_values(dataset, "topic"), top=14, key="funnel-topics")


def draw() -> None:
    """The page."""
    shell.header(
        "Overview", "How many examples there are, what each step dropped, and their topics."
    )
    project, view = state.need_view()
    shell.stale(project, view)
    draw_counts(Counts.of(view.dataset, project.imports, project.people()), view.ran)
    part = st.segmented_control(
        "Part",
        ["Funnel", "Measures", "Files", "Review"],
        default="Funnel",
        key="overview-part",
        label_visibility="collapsed",
        persist_state="session",
    )
    if part == "Measures":
        measures.draw(view.dataset)
    elif part == "Files":
        tables.draw(by_source(view.dataset.rows), FILE)
    elif part == "Review":
        progress.draw(project, len(view.dataset))
    else:
        draw_funnel(view.dataset)


draw()
