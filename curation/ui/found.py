"""What a search found among the rows of a view, and the field that says how much of it is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from curation.looking.search import TOP, Hits, snippet

NUMBERS = {"Meaning": "similarity", "Like this": "similarity", "Concept": "probability"}
"""Mode → what its number is called; words have none that says anything to a reader."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found among the rows of a view.

    positions: of rows, best first. scores: beside them. rows: how many there are in all. query: the
    words to light up. tag: the concept. name: of the column that shows the scores; none for words.
    """

    mode: str
    positions: np.ndarray
    scores: np.ndarray
    rows: int
    query: str = ""
    tag: str = ""

    @classmethod
    def above(cls, mode: str, hits: Hits, least: float, rows: int, tag: str = "") -> Found:
        """What is similar enough; zero asks nothing, for a cosine may be below it."""
        enough = hits.scores >= least if least > 0 else np.ones(len(hits), dtype=bool)
        return cls(mode, hits.positions[enough], hits.scores[enough], rows, tag=tag)

    @property
    def name(self) -> str:
        """What the scores are called: similarity or probability; empty where they only rank."""
        return NUMBERS.get(self.mode, "")

    @property
    def mask(self) -> np.ndarray:
        """True for each row that was found."""
        chosen = np.zeros(self.rows, dtype=bool)
        chosen[self.positions] = True
        return chosen

    @property
    def column(self) -> np.ndarray:
        """The score of each row; NaN where it was not found."""
        values = np.full(self.rows, np.nan)
        values[self.positions] = self.scores
        return values


def positions(found: Found | None, mask: np.ndarray) -> np.ndarray:
    """Of the rows of a mask those that were found, best first; without a search all, in order."""
    return np.flatnonzero(mask) if found is None else found.positions[mask[found.positions]]


def beside(part: pd.DataFrame, at: np.ndarray, found: Found | None) -> dict[str, str]:
    """Add what a search says of the rows at some positions; the columns that it adds, with titles.

    A search by words adds none, but texts begin where the words are.
    """
    if found is None:
        return {}
    if found.name:
        part["search"] = found.column[at]
        return {"search": found.name}
    for column in ("prompt", "response"):
        part[column] = [snippet(t, found.query, before=16) or t for t in part[column]]
    return {}


def limits(place: Any, key: str, what: str) -> tuple[int, float]:
    """How many at most, and how similar or probable at least."""
    top = int(st.session_state.get(f"{key}-top", TOP))
    least = float(st.session_state.get(f"{key}-least", 0.0))
    with place.popover(f"Best {top:,}" + (f", ≥ {least:.2f}" if least else ""), width="stretch"):
        st.number_input(
            "At most",
            1,
            100_000,
            value=TOP,
            step=100,
            key=f"{key}-top",
            persist_state="session",
            help="Of those that meet the filter.",
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
