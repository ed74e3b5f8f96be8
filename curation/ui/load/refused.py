"""Refused lines with reasons, as a table, as a download, and one at a time to correct."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.export.tables import json_lines
from curation.project import Project
from curation.rejected import as_they_were, readable
from curation.ui import downloads, state, tables
from curation.ui.slots import widget_value
from curation.ui.tables import Column
from curation.ui.text import markdown

COLUMNS = (
    Column("source"),
    Column("row", kind="count"),
    Column("field"),
    Column("message", "why", width="large"),
    Column("raw", "text", "excerpt"),
)
"""A refused line, why it was refused, and its text."""

MOST = 2_000
"""Number of lines that are listed and can be corrected."""


def draw(project: Project) -> None:
    """Draw refused lines with the reason, and as a file to correct and import again."""
    rejected = project.rejected
    if rejected.empty:
        st.caption("No line was refused.")
        return
    lines = readable(rejected.head(MOST))
    tables.draw(lines, COLUMNS)
    _draw_mending(project, lines)
    left, right = st.columns(2)
    downloads.draw(
        "Download the refused lines as they were",
        lambda: as_they_were(rejected),
        "rejected.txt",
        where=left,
        key="rejected-raw",
        width="stretch",
    )
    downloads.draw(
        "Download with reasons (JSON Lines)",
        lambda: json_lines(readable(rejected)),
        "rejected.jsonl",
        where=right,
        key="rejected-jsonl",
        width="stretch",
    )


def _draw_mending(project: Project, lines: pd.DataFrame) -> None:
    """Draw one refused line as text that can be corrected and read again."""
    places = [(str(s), int(r)) for s, r in zip(lines["source"], lines["row"], strict=True)]
    # The choice is a place and not a position: when a corrected line goes, others take its position.
    place = st.selectbox(
        "Correct a line",
        places,
        format_func=lambda place: f"{place[0]}, row {place[1]:,}",
        key="mend-pick",
    )
    if place is None:
        return
    line = lines.iloc[places.index(place)]
    st.caption(f":material/block: {markdown(line['message'], 400)}")
    source, row = place
    key = f"mend-{source}-{row}"
    st.text_area("As a JSON object", value=line["raw"][:20_000], key=key, height=140)
    st.button(
        "Try again",
        icon=":material/healing:",
        key="mend-go",
        on_click=_mend,
        args=(project, source, row, key),
    )


def _mend(project: Project, source: str, row: int, key: str) -> None:
    """Read a corrected line again."""
    with state.flashing_errors():
        project.mend(source, row, widget_value(key))
        state.flash(f"Row {row:,} of {source} is an example now")
