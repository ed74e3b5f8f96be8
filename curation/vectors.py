"""The vectors of rows: distinct ones in one table, and for each row its place there.

Guarantee: they are read as single precision, and only those that are asked for. The table lies on disk
in half precision where it can, mapped into memory, so that many datasets share it.

Accepted: who asks for all of them holds all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

BLOCK = 4_096
"""Rows that are converted at once."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors of rows, (rows, width); `vectors[positions]` gives some in float32.

    table: distinct vectors, (distinct, width). places: each row's place in the table, (rows,) int32;
    -1 for a row without a vector, which reads as `gap` throughout. file: the file that the table is
    mapped from, whose vectors keep their places while it grows; empty for one in memory.
    """

    table: np.ndarray
    places: np.ndarray
    file: str = ""
    gap: float = np.nan

    @classmethod
    def of(cls, values: np.ndarray | Vectors) -> Vectors:
        """The rows of an array, (rows, width), in which NaN stands for no vector."""
        if isinstance(values, Vectors):
            return values
        table = np.asarray(values)
        bare = np.isnan(table[:, 0]) if table.size else np.ones(len(table), dtype=bool)
        return cls(table, np.where(bare, -1, np.arange(len(table))).astype(np.int32))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of dimensions."""
        return len(self.places), self.table.shape[1]

    @property
    def present(self) -> np.ndarray:
        """Whether each row has a vector, (rows,) bool."""
        return self.places >= 0

    def __getitem__(self, positions: Any) -> np.ndarray:
        """Vectors of the rows at positions, a slice or a mask, (rows, width) float32; of one row, (width,)."""
        places = self.places[positions]
        if not places.ndim:
            return np.asarray(self[np.atleast_1d(positions)][0])
        vectors = np.full((len(places), self.table.shape[1]), self.gap, dtype=np.float32)
        if not len(self.table):
            return vectors
        whole = bool((places >= 0).all())
        for start in range(0, len(places), BLOCK):
            part = places[start : start + BLOCK]
            if whole:
                vectors[start : start + BLOCK] = self.table[part]
            else:
                vectors[start : start + BLOCK][part >= 0] = self.table[part[part >= 0]]
        return vectors

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)

    def __matmul__(self, other: np.ndarray) -> np.ndarray:
        """The product with a vector or a matrix, (rows, …) float32."""
        return self.each(lambda block: block @ other)

    def blocks(self) -> Iterator[np.ndarray]:
        """The vectors in the order of the rows, BLOCK at a time, (rows, width) float32."""
        for start in range(0, len(self), BLOCK):
            yield self[start : start + BLOCK]

    def each(self, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The values of a function of blocks, which gives one or several for each row, (rows, …)."""
        values = [measure(block) for block in self.blocks()]
        return np.concatenate(values) if values else measure(self[:])

    def of_rows(self, positions: np.ndarray) -> Vectors:
        """The vectors of some rows, in that order."""
        return replace(self, places=self.places[positions])

    def among(self, positions: np.ndarray, rows: int) -> Vectors:
        """These vectors at positions among so many rows, of which the others have none."""
        places = np.full(rows, -1, dtype=np.int32)
        places[positions] = self.places
        return replace(self, places=places)

    def with_others(self, positions: np.ndarray, others: Vectors) -> Vectors:
        """These vectors, but the others at those positions."""
        if self.file and self.file == others.file:  # the longer table begins with the shorter one
            table = max(self.table, others.table, key=len)
            places = self.places.copy()
            places[positions] = others.places
            return Vectors(table, places, self.file)
        vectors = self[:]
        vectors[positions] = others[:]
        return Vectors.of(vectors)


Many = np.ndarray | Vectors
"""Vectors of rows that are read by blocks or positions: one array, or where they lie."""


def some_of(vectors: Many, positions: np.ndarray) -> Many:
    """The vectors of some rows, an array of an array."""
    return vectors.of_rows(positions) if isinstance(vectors, Vectors) else vectors[positions]
