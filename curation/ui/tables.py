"""Filters over the rows, and the table they are shown in."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from curation import search
from curation.dataset import BASE_COLUMNS
from curation.ui.text import short

SHOWN = 2_000
"""Rows of a table sent to the browser; the counts and the actions are about all of them."""


@dataclass(frozen=True)
class Filter:
    """A typed condition on rows; never SQL or code.

    words: as in `curation.search.words`. values: column → accepted.
    ranges: column → (low, high), both included. every, none: tags of which a row has all, and none;
    with `values` of the tags that makes sets which combine.
    """

    words: str = ""
    fate: str = "all"
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    every: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

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
        if (self.every or self.none) and "tags" in rows:
            tags = _words_of(rows["tags"])
            every, none = set(self.every), set(self.none)
            chosen &= tags.map(lambda t: every <= t and not none & t).to_numpy(dtype=bool)
        for column, (low, high) in self.ranges.items():
            chosen &= rows[column].between(low, high).to_numpy(dtype=bool)
        if self.words.strip() and chosen.any():
            chosen[chosen] = search.matches(rows.loc[chosen, list(search.COLUMNS)], self.words)
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
        and rows[c].notna().any()
    ]


def narrowed(key: str) -> int:
    """How many conditions the widgets of `filters` under a key hold now."""
    said = st.session_state
    return int(said.get(f"{key}-fate", "all") != "all") + len(said.get(f"{key}-columns", []))


def filters(rows: pd.DataFrame, key: str, fate: str = "all", *, narrow: bool = False) -> Filter:
    """Widgets for a filter: kept or dropped, values, ranges; narrow: below each other."""
    first = (
        [st.container(), st.container()]
        if narrow
        else st.columns([2, 5], vertical_alignment="center")
    )
    with first[0]:
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
    picked = first[1].multiselect(
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
    every: list[str] = []
    none: list[str] = []
    places = st.columns(1 if narrow else min(4, len(picked))) if picked else []
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
                label = "tags: any of" if column == "tags" else column.replace("_", " ")
                values[column] = tuple(st.multiselect(label, options, key=f"{key}-{column}"))
                if column == "tags":
                    every = st.multiselect("tags: all of", options, key=f"{key}-every")
                    none = st.multiselect("tags: none of", options, key=f"{key}-none")
    return Filter("", fate, values, ranges, tuple(every), tuple(none))


def digest(chosen: np.ndarray) -> str:
    """A digest of which rows are chosen, for a cache's key."""
    return hashlib.blake2b(np.packbits(chosen).tobytes(), digest_size=12).hexdigest()


def listed(at: np.ndarray) -> str:
    """A name for a list of positions: another list is another table, where no row is picked yet."""
    return f"{zlib.crc32(at[:SHOWN].tobytes()):x}"


def preview(
    rows: pd.DataFrame, extra: Sequence[str] = (), first: Collection[str] = ()
) -> pd.DataFrame:
    """Rows as a table for reading: one line of each text, after and before the columns asked for."""
    part = rows.head(SHOWN)
    table = pd.DataFrame(
        {
            **{column: part[column] for column in first},
            "prompt": part["prompt"].map(lambda t: short(t, 160)),
            "response": part["response"].map(lambda t: short(t, 160)),
            "dropped by": part["dropped_by"].fillna(""),
        }
    )
    for column in extra:
        if column in part:
            table[column.replace("_", " ")] = part[column]
    return table


def pick(
    rows: pd.DataFrame,
    key: str,
    extra: Sequence[str] = (),
    height: int = 420,
    first: Mapping[str, str] | None = None,
    total: int | None = None,
) -> str | None:
    """Draw a table of examples; returns the id of the row that was clicked.

    first: columns that stand before the text, with their titles. total: of how many rows these are the first.
    """
    total = len(rows) if total is None else total
    if rows.empty:
        st.caption("No example meets these conditions.")
        return None
    table = preview(rows, extra, first or {})
    chosen = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=height,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        column_config={
            **{c: _column(rows[c], title) for c, title in (first or {}).items()},
            "prompt": st.column_config.TextColumn(width=300),
            "response": st.column_config.TextColumn(width=340),
        },
    )
    if total > SHOWN:
        st.caption(f"The first {SHOWN:,} of {total:,} are listed; actions are about all of them.")
    picked = chosen["selection"]["rows"]
    return str(table.index[picked[0]]) if picked and picked[0] < len(table) else None


def _column(values: pd.Series, title: str) -> Any:
    if pd.api.types.is_numeric_dtype(values):
        return st.column_config.NumberColumn(title, format="%.3f", width=90)
    return st.column_config.TextColumn(title, width=340)
