"""Filters over the rows, and the table they are shown in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from curation.dataset import BASE_COLUMNS
from curation.ui.text import short

SHOWN = 2_000
"""Rows of a table sent to the browser; the counts and the actions are about all of them."""


@dataclass(frozen=True)
class Filter:
    """A typed condition on rows; never SQL or code.

    words: all must occur in prompt, response or system, case ignored. values: column → accepted.
    ranges: column → (low, high), both included.
    """

    words: str = ""
    fate: str = "all"
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def mask(self, rows: pd.DataFrame) -> np.ndarray:
        """True for each row that meets every condition."""
        chosen = np.ones(len(rows), dtype=bool)
        if self.fate != "all":
            chosen &= rows["dropped_by"].isna().to_numpy() == (self.fate == "kept")
        for column, accepted in self.values.items():
            if accepted:
                chosen &= (
                    _words_of(rows[column])
                    .map(lambda w, a=set(accepted): bool(a & w))
                    .to_numpy(dtype=bool)
                    if column in ("attention", "tags", "flags")
                    else rows[column].fillna("").astype(str).isin(accepted).to_numpy()
                )
        for column, (low, high) in self.ranges.items():
            chosen &= rows[column].between(low, high).to_numpy(dtype=bool)
        for word in self.words.split():
            if not chosen.any():
                break
            part = rows.loc[chosen, ["prompt", "response", "system"]]
            pattern = re.escape(word)
            hit = np.zeros(len(part), dtype=bool)
            for _, texts in part.items():
                hit |= (
                    texts.str.contains(pattern, case=False, regex=True)
                    .fillna(False)
                    .to_numpy(dtype=bool)
                )
            chosen[np.flatnonzero(chosen)[~hit]] = False
        return chosen


def _words_of(column: pd.Series) -> pd.Series:
    return (
        column.fillna("")
        .astype(str)
        .map(lambda text: {w.strip() for w in text.split(",") if w.strip()})
    )


def choices(rows: pd.DataFrame) -> list[str]:
    """Columns worth filtering by value: few values, no free text."""
    always = [
        "source",
        "format",
        "label",
        "language",
        "topic",
        "dropped_by",
        "split",
        "attention",
        "tags",
        "flags",
        "verdict",
    ]
    return [
        c
        for c in always
        if c in rows and rows[c].notna().any() and (rows[c].astype(str) != "").any()
    ]


def numbers(rows: pd.DataFrame) -> list[str]:
    """Columns that hold a number per row."""
    return [
        c
        for c in rows.columns
        if c not in BASE_COLUMNS
        and pd.api.types.is_numeric_dtype(rows[c])
        and rows[c].dtype != bool
        and c not in ("map_x", "map_y")
    ]


def filters(rows: pd.DataFrame, key: str, fate: str = "all") -> Filter:
    """Widgets for a filter: words, kept or dropped, values, ranges."""
    first = st.columns([4, 3, 3])
    words = first[0].text_input(
        "Words",
        key=f"{key}-words",
        placeholder="search in all text",
        icon=":material/search:",
        label_visibility="collapsed",
        persist_state="session",
    )
    with first[1]:
        fate = (
            st.segmented_control(
                "Fate",
                ["all", "kept", "dropped"],
                default=fate,
                key=f"{key}-fate",
                label_visibility="collapsed",
                required=True,
                persist_state="session",
            )
            or "all"
        )
    picked = first[2].multiselect(
        "Filter by",
        [*choices(rows), *numbers(rows)],
        key=f"{key}-columns",
        placeholder="filter by …",
        label_visibility="collapsed",
        persist_state="session",
        format_func=lambda c: c.replace("_", " "),
    )
    values: dict[str, tuple[str, ...]] = {}
    ranges: dict[str, tuple[float, float]] = {}
    places = st.columns(max(1, min(4, len(picked)))) if picked else []
    for i, column in enumerate(picked):
        with places[i % len(places)]:
            if pd.api.types.is_numeric_dtype(rows[column]):
                numbers_ = rows[column].dropna()
                low, high = float(numbers_.min()), float(numbers_.max())
                if low < high:
                    ranges[column] = st.slider(
                        column.replace("_", " "), low, high, (low, high), key=f"{key}-{column}"
                    )
            else:
                found = rows[column].dropna().astype(str)
                if column in ("attention", "tags", "flags"):
                    found = found.str.split(",").explode().str.strip()
                options = found[found != ""].value_counts().index[:500].tolist()
                values[column] = tuple(
                    st.multiselect(column.replace("_", " "), options, key=f"{key}-{column}")
                )
    return Filter(words, fate, values, ranges)


def preview(rows: pd.DataFrame, extra: Sequence[str] = ()) -> pd.DataFrame:
    """Rows as a table for reading: one line of each text, then the columns asked for."""
    part = rows.head(SHOWN)
    table = pd.DataFrame(
        {
            "prompt": part["prompt"].map(lambda t: short(t, 160)),
            "response": part["response"].map(lambda t: short(t, 160)),
            "dropped by": part["dropped_by"].fillna(""),
        }
    )
    for column in extra:
        if column in part:
            table[column.replace("_", " ")] = part[column]
    return table


def pick(rows: pd.DataFrame, key: str, extra: Sequence[str] = (), height: int = 420) -> str | None:
    """Draw a table of examples; returns the id of the row that was clicked."""
    if rows.empty:
        st.caption("No example meets these conditions.")
        return None
    table = preview(rows, extra)
    chosen = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=height,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        column_config={
            "prompt": st.column_config.TextColumn(width=300),
            "response": st.column_config.TextColumn(width=340),
        },
    )
    if len(rows) > SHOWN:
        st.caption(
            f"The first {SHOWN:,} of {len(rows):,} are listed; actions are about all of them."
        )
    picked = chosen["selection"]["rows"]
    return str(table.index[picked[0]]) if picked and picked[0] < len(table) else None
