"""Sets of rows of a dataset: a mask over all rows, or positions in an order."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import TypeAlias, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curation.dataset import Dataset

Mask: TypeAlias = NDArray[np.bool_]
"""True for each row of the set, (rows,) bool."""

Positions: TypeAlias = NDArray[np.int64]
"""Positions of the rows of the set, in the order in which they are shown."""

Scores: TypeAlias = NDArray[np.floating]
"""A number for each row, (rows,) float; NaN for a row that was not measured."""

SHOWN = 2_000
"""Rows of a table sent to the browser; counts and actions cover all rows."""


def is_kept(dataset: Dataset) -> Mask:
    """Return True for each row that no step and no person dropped; `Dataset.kept` copies all texts."""
    return dataset.rows["dropped_by"].isna().to_numpy(dtype=bool)


def number_kept(dataset: Dataset) -> int:
    """Return the number of rows that no step and no person dropped."""
    return int(np.count_nonzero(is_kept(dataset)))


def kept_values(dataset: Dataset, column: str) -> pd.Series:
    """Return a column of the rows that no step and no person dropped; KeyError without it.

    It has numbers in the place of ids: for those pandas makes a table to look them up, in each part anew.
    """
    return pd.Series(dataset.rows[column].array[is_kept(dataset)], name=column)


def digest(chosen: Mask) -> str:
    """Return a digest of the chosen rows, for a cache's key."""
    return hashlib.blake2b(np.packbits(chosen).tobytes(), digest_size=12).hexdigest()


def listed(positions: Positions) -> str:
    """Return a name for a list of positions; another list is a new table without a picked row."""
    return f"{zlib.crc32(positions[:SHOWN].tobytes()):x}"


class Ids(Sequence[str]):
    """The ids of the rows at some positions, made when they are needed.

    As texts of Python's the ids of a million rows take 60 MB, in each button that acts on them.
    """

    def __init__(self, index: pd.Index, positions: Positions) -> None:
        self._index, self._positions = index, positions

    @classmethod
    def of(cls, index: pd.Index, chosen: Mask) -> Ids:
        """Return the ids of the rows of a mask, in their order."""
        return cls(index, np.flatnonzero(chosen))

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Ids: ...

    def __getitem__(self, place: int | slice) -> str | Ids:
        """Return the id at a place, or the ids of a slice."""
        if isinstance(place, slice):
            return Ids(self._index, self._positions[place])
        return str(self._index[self._positions[place]])

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), SHOWN):
            yield from self._index[self._positions[start : start + SHOWN]].tolist()
