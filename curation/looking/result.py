"""What a search found among the rows of a dataset, in whichever way it searched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.looking.search import Hits

NUMBERS = {"Meaning": "similarity", "Like this": "similarity", "Concept": "probability"}
"""Mode → what its number is called; words have none that says anything to a reader."""


@dataclass(frozen=True, eq=False)
class SearchResult:
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
    def above(cls, mode: str, hits: Hits, least: float, rows: int, tag: str = "") -> SearchResult:
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


def positions(result: SearchResult | None, mask: np.ndarray) -> np.ndarray:
    """Of the rows of a mask those that were found, best first; without a search all, in order."""
    return np.flatnonzero(mask) if result is None else result.positions[mask[result.positions]]
