"""The content of a delivery before it is made, without replaying a recipe.

It is quick: of the parts that a format may have no place for, only the first rows are looked at.
`survey` counts all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curation.dataset import Dataset
from curation.export.fitting import parts_in
from curation.export.offer import codes_of

LOOKED_AT = 20_000
"""Rows that are looked at for parts that a format has no place for."""


@dataclass(frozen=True)
class Outlook:
    """The counts of a delivery before it is made.

    kept: rows. not_fit: those of them that a trainer cannot use as they stand. parts: of the rows
    beside roles and texts, and how many of the first rows have each; see `without_place`.
    """

    kept: int
    not_fit: int
    parts: Mapping[str, int]

    @classmethod
    def of(cls, dataset: Dataset) -> Outlook:
        """The outlook of what a dataset keeps."""
        kept = np.flatnonzero(dataset.rows["dropped_by"].isna())
        not_fit = sum(int((codes != "").sum()) for _, codes in codes_of(dataset.rows, kept))
        return cls(len(kept), not_fit, dict(parts_in(dataset.rows.iloc[kept[:LOOKED_AT]])))

    def rows(self, allow_attention: bool) -> int:
        """Rows that are offered to the formats."""
        return self.kept - (0 if allow_attention else self.not_fit)
