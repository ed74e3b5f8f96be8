"""Tables that an operation keeps to in later runs, so that new rows move no others.

A map drawn anew for one more row is another map, and topics computed anew are other topics. So an
operation may keep a table (positions, centres, names) and add new rows to it.

Guarantee: a table belongs to one step, its parameters and its encoder; another seed is another table.
A table is read whole or not at all.

Accepted: a kept map fits its newest rows a little less well than one drawn anew, until a person draws
it anew or fewer than STAYS of the rows are in the table.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation import lock
from curation.cache import key, read_table, write_table
from curation.vectors import Many, Vectors

FITTED = 100_000
"""Most rows that a map or topics are computed from. More would cost time and memory for no better result."""

STAYS = 0.5
"""Share of the rows that must be in the table; below it, an operation computes all of them anew."""

BLOCK = 4_096
"""Vectors that are read at once."""

FORMAT = 1
"""Part of a table's name. Raise it when an operation keeps other columns."""


class Basis:
    """One operation's table. Without a path no table is kept, and every run computes anew."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether there is a file, whole or damaged."""
        return self.path is not None and self.path.exists()

    def load(self) -> pa.Table | None:
        """The table; None while there is none, or when it is damaged."""
        return None if self.path is None else read_table(self.path)

    def save(self, table: pa.Table) -> None:
        """Replace the table, whole or not at all."""
        if self.path is not None:
            write_table(self.path, table)

    def locked(self) -> AbstractContextManager[None]:
        """A lock to load, add and save under; without it two runs would lose rows."""
        if self.path is None:
            return nullcontext()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return lock.locked(self.path.with_suffix(".lock"))


class Bases:
    """A folder of tables that operations keep to; without a folder no table is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def of(self, step: str, *depends: object) -> Basis:
        """The table of a step and of all that it depends on, such as parameters and encoder."""
        if self.folder is None:
            return Basis()
        return Basis(self.folder / f"{step}-{key(FORMAT, step, *depends)[:16]}.arrow")


def vector_keys(vectors: Many) -> np.ndarray:
    """A number that stands for each vector, (rows,) uint64: equal vectors, equal keys."""
    vectors = Vectors.of(vectors)
    places, place = np.unique(vectors.places, return_inverse=True)  # a vector at one place is one
    distinct = replace(vectors, places=places)
    keys = np.zeros(len(places), dtype=np.uint64)
    for start in range(0, len(places), BLOCK):
        data = np.ascontiguousarray(distinct[start : start + BLOCK], dtype=np.float16)
        width, view = data.shape[1] * 2, data.tobytes()
        keys[start : start + len(data)] = [
            int.from_bytes(
                hashlib.blake2b(view[i * width : (i + 1) * width], digest_size=15).digest()[:8],
                "big",
            )
            for i in range(len(data))
        ]
    return keys[place]


def of_earlier(keys: bytes) -> np.ndarray:
    """Keys as earlier versions kept them, sixteen bytes each, of which the first eight are today's."""
    return np.frombuffer(keys, dtype=">u8")[::2].astype(np.uint64)


def positions(keys: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """The position of each key among the stored ones, which are sorted, (keys,); -1 for none."""
    if not len(stored):
        return np.full(len(keys), -1)
    nearest = np.minimum(np.searchsorted(stored, keys), len(stored) - 1)
    return np.where(stored[nearest] == keys, nearest, -1)


def with_former(
    keys: np.ndarray, values: np.ndarray, former_keys: np.ndarray, former: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keys, sorted, and their values; absent rows keep their former values, as they may come back."""
    both, first = np.unique(np.concatenate([keys, former_keys]), return_index=True)
    return both, np.concatenate([values, former])[first]


def shaping(first: np.ndarray, rows: int) -> np.ndarray:
    """Positions of the rows that a map or topics are computed from: all, or FITTED distinct ones.

    first: the first position of each distinct vector, in the order of `vector_keys`. The keys are
    hashes, so the first of them are a random part, whatever order the rows have.
    """
    return np.arange(rows) if len(first) == rows <= FITTED else first[:FITTED]
