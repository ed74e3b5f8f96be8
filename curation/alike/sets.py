"""Many sets of hashes in one array."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curation.vectors import Many, Vectors

BLOCK = 100_000
"""Sets that are hashed at once."""

VECTORS = 4_096
"""Vectors that are hashed at once."""


@dataclass(frozen=True, eq=False)
class Sets:
    """Sets of hashes, one after the other.

    values: the sorted, distinct hashes of each, uint64. sizes: their number, (sets,) int64.
    """

    values: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, sets: Sets | Sequence[np.ndarray]) -> Sets:
        """The sets of a list of arrays."""
        if isinstance(sets, Sets):
            return sets
        flat = np.concatenate([*sets, np.zeros(0, dtype=np.uint64)])
        return cls(flat, np.array([len(s) for s in sets], dtype=np.int64))

    @classmethod
    def joined(cls, parts: Iterable[Sets]) -> Sets:
        """The sets of several parts, of which each is let go before the next is read."""
        values, sizes, filled = np.empty(0, dtype=np.uint64), [np.zeros(0, dtype=np.int64)], 0
        for part in parts:
            # It grows where it lies, so that nothing large is held twice.
            values.resize(filled + len(part.values), refcheck=False)
            values[filled:] = part.values
            filled = len(values)
            sizes.append(part.sizes)
        return cls(values, np.concatenate(sizes))

    @functools.cached_property
    def ends(self) -> np.ndarray:
        """The places where the sets begin, and the end of the last, (sets + 1,)."""
        return np.append(0, np.cumsum(self.sizes))

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, position: int) -> np.ndarray:
        begin, end = self.ends[[position, position + 1]] if position >= 0 else self.ends[-2:]
        return self.values[begin:end]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (
            self.values[begin:end] for begin, end in zip(self.ends, self.ends[1:], strict=False)
        )

    def part(self, begin: int, end: int) -> Sets:
        """The sets from one position to another."""
        return Sets(self.values[self.ends[begin] : self.ends[end]], self.sizes[begin:end])

    def chosen(self, positions: np.ndarray) -> Sets:
        """The sets at some positions."""
        if len(positions) == len(self) and (positions[1:] > positions[:-1]).all():
            return self
        sizes = self.sizes[positions]
        return Sets(self.values[spans(self.ends[positions], sizes)], sizes)

    def keys(self) -> np.ndarray:
        """Two hashes of each set, (sets, 2), equal for equal sets and else by a chance of 2⁻¹⁰⁰ a pair."""
        hashed = np.empty((len(self), 2), dtype=np.uint64)
        for begin in range(0, len(self), BLOCK):
            part = self.part(begin, min(begin + BLOCK, len(self)))
            for n, salt in enumerate((0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)):
                summed = np.append(np.uint64(0), np.cumsum(mixed(part.values * np.uint64(salt))))
                hashed[begin : begin + BLOCK, n] = summed[part.ends[1:]] - summed[part.ends[:-1]]
        return hashed


def spans(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The places of several spans, one after the other."""
    before = np.cumsum(sizes) - sizes
    return np.asarray(np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes))


def numbered(*columns: np.ndarray) -> np.ndarray:
    """A number for each row of some columns of integers, equal for equal rows, by their first ones."""
    hashed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        hashed = mixed(hashed * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64))
    numbers = np.asarray(pd.factorize(hashed)[0], dtype=np.int64)
    first = first_of(numbers)[numbers]
    if all((column[first] == column).all() for column in columns):
        return numbers
    numbers = pd.factorize(columns[0])[0]  # two rows share a hash
    for column in columns[1:]:
        values, uniques = pd.factorize(column)
        numbers = pd.factorize(numbers * len(uniques) + values)[0]
    return np.asarray(numbers, dtype=np.int64)


def first_of(numbers: np.ndarray) -> np.ndarray:
    """The first position of each number from 0 on."""
    first = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def classes(sides: Sequence[Sets]) -> tuple[np.ndarray, np.ndarray]:
    """The class of each example, numbered by their first examples, and the first of each class.

    Those of one class have equal sets on every side; without a hash on the only side each is its own.
    """
    columns = [column for side in sides for column in (*side.keys().T, side.sizes)]
    if len(sides) == 1:
        columns.append(np.where(sides[0].sizes > 0, -1, np.arange(len(sides[0]))))
    codes = numbered(*columns)
    return codes, first_of(codes)


def vector_keys(vectors: Many) -> np.ndarray:
    """Two hashes of each vector, (rows, 2) uint64, equal for equal ones, bit by bit.

    Of `Vectors` each distinct one is hashed once, as it lies on disk; a row without one has zeros.
    """
    if isinstance(vectors, Vectors):
        places, of = np.unique(vectors.places, return_inverse=True)
        own = places >= 0
        hashed = np.zeros((len(places), 2), dtype=np.uint64)
        hashed[own] = _hashes(vectors.table, places[own])
        return hashed[of]
    return _hashes(vectors, np.arange(len(vectors)))


def _hashes(vectors: np.ndarray, places: np.ndarray) -> np.ndarray:
    keys, draw = np.empty((len(places), 2), dtype=np.uint64), np.random.default_rng(0)
    odd = np.zeros((2, 0), dtype=np.uint64)
    for start in range(0, len(places), VECTORS):
        block = np.ascontiguousarray(vectors[places[start : start + VECTORS]])
        # As wide as the words that fill a vector, so that there are few.
        wide = next(n for n in (8, 4, 2, 1) if block.shape[1] * block.itemsize % n == 0)
        bits = mixed(block.view(f"u{wide}").astype(np.uint64) + np.uint64(1))
        if not odd.size:
            odd = draw.integers(0, 1 << 62, (2, bits.shape[1]), dtype=np.uint64) * np.uint64(2)
        for n in range(2):
            products = bits * (odd[n] + np.uint64(1))
            keys[start : start + VECTORS, n] = products.sum(axis=1, dtype=np.uint64)
    return keys


def mixed(values: np.ndarray) -> np.ndarray:
    """The hashes with their bits mixed, so that sums and first bits of them say nothing."""
    values = values ^ (values >> np.uint64(31))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(values ^ (values >> np.uint64(29)))
