"""The result of a search among the rows of a dataset, in any mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.looking.search import Hits

NUMBERS = {"Meaning": "similarity", "Like this": "similarity", "Concept": "probability"}
"""Mode → name of its score; a search by words has no score for readers."""


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The result of a search among the rows of a view.

    positions: positions of the rows found, best first. scores: their scores. rows: number of all
    rows. query: words to highlight. tag: the concept.
    """

    mode: str
    positions: np.ndarray
    scores: np.ndarray
    rows: int
    query: str = ""
    tag: str = ""

    @classmethod
    def above(cls, mode: str, hits: Hits, least: float, rows: int, tag: str = "") -> SearchResult:
        """Make a result of the hits with a score of at least `least`; all hits for zero."""
        enough = hits.scores >= least if least > 0 else np.ones(len(hits), dtype=bool)
        return cls(mode, hits.positions[enough], hits.scores[enough], rows, tag=tag)

    @property
    def name(self) -> str:
        """The name of the scores: similarity or probability; empty where they only rank."""
        return NUMBERS.get(self.mode, "")

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest score; there must be one."""
        return float(self.scores.min()), float(self.scores.max())

    @property
    def mask(self) -> np.ndarray:
        """True for each row of the result."""
        chosen = np.zeros(self.rows, dtype=bool)
        chosen[self.positions] = True
        return chosen

    @property
    def column(self) -> np.ndarray:
        """The score of each row; NaN for rows that are not in the result."""
        values = np.full(self.rows, np.nan)
        values[self.positions] = self.scores
        return values


def positions(result: SearchResult | None, mask: np.ndarray) -> np.ndarray:
    """Return a mask's rows in the result, best first; without a search all of them, in order."""
    return np.flatnonzero(mask) if result is None else result.positions[mask[result.positions]]
