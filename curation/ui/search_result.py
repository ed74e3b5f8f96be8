"""Columns that a search result adds to a table, and the field that limits a result."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from curation.looking.masks import Positions
from curation.looking.result import SearchResult
from curation.looking.search import TOP, snippet
from curation.ui.slots import widget_value
from curation.ui.tables import Column


def beside(
    part: pd.DataFrame, positions: Positions, result: SearchResult | None
) -> tuple[Column, ...]:
    """Add the scores of a search to the rows at some positions; return the added columns.

    A search by words adds no column; texts begin at the words instead.
    """
    if result is None:
        return ()
    if result.name:
        part["search"] = result.column[positions]
        return (Column("search", result.name, "number", 90),)
    for column in ("prompt", "response"):
        part[column] = [snippet(t, result.query, before=16) or t for t in part[column]]
    return ()


def limits(place: Any, key: str, what: str) -> tuple[int, float]:
    """Draw and return the greatest number of results and the least score."""
    top = int(widget_value(f"{key}-top", TOP))
    least = float(widget_value(f"{key}-least", 0.0))
    with place.popover(f"Best {top:,}" + (f", ≥ {least:.2f}" if least else ""), width="stretch"):
        st.number_input(
            "At most",
            1,
            100_000,
            value=TOP,
            step=100,
            key=f"{key}-top",
            persist_state="session",
            help="Counts only examples that meet the filter.",
        )
        st.slider(
            f"Least {what}",
            0.0,
            1.0,
            value=0.0,
            step=0.01,
            key=f"{key}-least",
            persist_state="session",
        )
    return top, least
