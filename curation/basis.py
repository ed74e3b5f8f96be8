"""What an operation worked out once and keeps to, so that rows which come later move no others.

A map drawn afresh for one more row is another map, and topics found afresh are other topics. So an
operation may keep a table (places, centres, names) under its step, parameters and encoder, and lay
new rows into it. Another parameter, such as the next seed, is another table.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation import lock
from curation.cache import key, read_table, write_table

FITTED = 100_000
"""Rows that shape a map or topics at most: time and memory grow with them, the result does not."""

STAYS = 0.5
"""Share of the rows that must be known already; below, it is worked out anew for all of them."""

FORMAT = 1
"""Raised when an operation keeps other columns, so that it never meets a table it cannot read."""


class Basis:
    """One operation's table; without a path nothing is kept, and everything is worked out anew."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether something was kept, whole or damaged."""
        return self.path is not None and self.path.exists()

    def load(self) -> pa.Table | None:
        """The table kept last; None while there is none, or when it is damaged."""
        return None if self.path is None else read_table(self.path)

    def save(self, table: pa.Table) -> None:
        """Keep a table instead of the former one, whole or not at all."""
        if self.path is not None:
            write_table(self.path, table)

    def locked(self) -> AbstractContextManager[None]:
        """Whoever loads, adds and saves does it under this lock, or two runs lose rows."""
        if self.path is None:
            return nullcontext()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return lock.locked(self.path.with_suffix(".lock"))


class Bases:
    """A folder of tables that operations keep to; without one, none is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def of(self, step: str, *about: object) -> Basis:
        """The table of a step; `about` is what it depends on, such as parameters and encoder."""
        if self.folder is None:
            return Basis()
        return Basis(self.folder / f"{step}-{key(FORMAT, step, *about)[:16]}.arrow")


def vector_keys(vectors: np.ndarray) -> np.ndarray:
    """Sixteen bytes that stand for each vector, (rows,) S16: equal vectors, equal keys."""
    data = np.ascontiguousarray(vectors, dtype=np.float16)
    width = data.shape[1] * 2
    view = data.tobytes()
    return np.array(
        [
            hashlib.blake2b(view[i * width : (i + 1) * width], digest_size=15).digest() + b"."
            for i in range(len(data))
        ],
        dtype="S16",  # which would lose zeros at the end, hence the full stop
    )


def positions(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where each key stands among the known ones, which are sorted, (keys,); -1 where it does not."""
    if not len(known):
        return np.full(len(keys), -1)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, at, -1)


def with_former(
    keys: np.ndarray, values: np.ndarray, known: np.ndarray, former: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keys, sorted, and their values, with the former of rows that are not here: they may come back."""
    both, first = np.unique(np.concatenate([keys, known]), return_index=True)
    return both, np.concatenate([values, former])[first]


def shaping(first: np.ndarray, rows: int) -> np.ndarray:
    """Positions of the rows that a map or topics are made of: all, or FITTED of the distinct ones.

    first: where each distinct vector stands first, in the order of `vector_keys`; these are hashes,
    so the first of them are a random part, whatever order the rows have.
    """
    return np.arange(rows) if len(first) == rows <= FITTED else first[:FITTED]
