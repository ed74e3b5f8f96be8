"""The table that rows are shown in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from curation.looking.masks import SHOWN
from curation.ui.text import short


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
