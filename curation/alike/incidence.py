"""Sets of shingles as a sparse matrix of those that two sets or more share.

Guarantee: counted are all shingles; those of one set alone have no column, since no pair shares one, and
most shingles are such.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.alike.sets import Sets, mixed

PART = 1 << 21
"""Hashes that are sorted at once, about."""

ROWS = 10_000
"""Sets of which the rarest shingles are looked for at once."""

WORDS = np.uint64(4)
"""Words of 64 bits of an outline."""

SALT = np.uint64(0x9E3779B97F4A7C15)
"""Added to the number of a shingle before its bits are mixed."""


class Incidence:
    """Sets as rows of a matrix of ones.

    matrix: (sets, shared shingles), int8; columns in the order of the hashes. sizes: of the whole sets.
    singles: shingles that no other set has. common: in how many sets each column's shingle stands.
    """

    def __init__(self, sets: Sets) -> None:
        from scipy.sparse import csr_matrix

        columns, self.common = _columns(sets.values)
        ends = np.zeros(len(sets) + 1, dtype=np.int64)
        for start in range(0, len(sets), ROWS):
            within = sets.ends[start : start + ROWS + 1]
            part = columns[within[0] : within[-1]]
            shared, filled = part >= 0, ends[start]
            before = np.append(0, np.cumsum(shared))
            ends[start : start + ROWS + 1] = filled + before[within - within[0]]
            columns[filled : filled + before[-1]] = part[shared]  # no further on than it was read
        columns.resize(ends[-1], refcheck=False)
        ones = np.ones(len(columns), dtype=np.int8)
        shape = (len(sets), len(self.common))
        self.matrix = csr_matrix((ones, columns, ends), shape=shape)
        self.sizes = sets.sizes
        self.singles = sets.sizes - np.diff(ends)


class Outlines:
    """A few bits of each set, by which most pairs are seen to differ without a look at their shingles.

    Each shingle with a column turns one of 64 · WORDS bits, so that two sets differ in no fewer shingles
    than in bits. matrix: (sets, shingles), ones. sizes: of the whole sets; shingles without a column are
    in no other set.
    """

    def __init__(self, matrix: Any, sizes: np.ndarray) -> None:
        ends = matrix.indptr
        self._sizes, self._alone = sizes, sizes - np.diff(ends)
        self._bits = np.zeros((len(sizes), WORDS), dtype=np.uint64)
        for start in range(0, len(sizes), ROWS):
            part = ends[start : start + ROWS + 1]
            hashed = mixed(matrix.indices[part[0] : part[-1]].astype(np.uint64) + SALT)
            bits, word = np.uint64(1) << (hashed & np.uint64(63)), (hashed >> np.uint64(6)) % WORDS
            some = np.flatnonzero(np.diff(part))
            for n in range(int(WORDS) if len(some) else 0):
                own = np.where(word == n, bits, np.uint64(0))
                self._bits[start + some, n] = np.bitwise_xor.reduceat(own, part[some] - part[0])

    def may_reach(
        self, a: np.ndarray, others: Outlines, b: np.ndarray, threshold: float
    ) -> np.ndarray:
        """A mask of the pairs of a set and another whose Jaccard similarity may reach a threshold."""
        # Two sets of n shingles in all that share s differ in n − 2s, and s is t / (1 + t) of n or more.
        least = threshold - 1e-9
        most = (self._sizes[a] + others._sizes[b]) * ((1 - least) / (1 + least)) + 1e-6
        differ = self._alone[a] + others._alone[b]
        for n in range(int(WORDS)):
            differ += np.bitwise_count(self._bits[a, n] ^ others._bits[b, n])
        larger = np.abs(self._sizes[a] - others._sizes[b])
        return np.asarray(np.maximum(differ, larger) <= most)


def _columns(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The column of each hash, −1 for one that stands once, and how often each column's stands.

    The hashes are sorted in parts by their first bits, so that what a sort needs stays small.
    """
    columns, counts, taken = np.empty(len(values), dtype=np.int32), [np.zeros(0, np.int64)], 0
    bits = min(8, max(0, (len(values) // PART).bit_length()))
    shift = np.uint64(max(0, int(values.max(initial=0)).bit_length() - bits))
    part_of = np.zeros(len(values), np.uint8)
    for start in range(0, len(values) if bits else 0, PART):
        part_of[start : start + PART] = values[start : start + PART] >> shift
    for part in range(1 << bits):
        places = np.flatnonzero(part_of == part)
        some = values[places]
        order = np.argsort(some)
        some = some[order]
        starts = np.flatnonzero(np.append(True, some[1:] != some[:-1])[: len(some)])
        times = np.diff(np.append(starts, len(some)))
        shared = times > 1
        numbers = np.where(shared, np.cumsum(shared) - 1 + taken, -1)
        columns[places[order]] = np.repeat(numbers, times)
        counts.append(times[shared])
        taken += int(shared.sum())
    return columns, np.concatenate(counts)


def by_rarity(matrix: Any) -> Any:
    """The matrix with its columns in another order, the rarest first; of equal ones the first before."""
    counts = _counts(matrix)
    rank = np.empty(len(counts), dtype=matrix.indices.dtype)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    for start in range(0, len(matrix.indices), PART):
        part = matrix.indices[start : start + PART]
        part[:] = rank[part]
    matrix.has_sorted_indices = False
    matrix.sort_indices()
    return matrix


def _counts(matrix: Any) -> np.ndarray:
    """The number of rows of each column, counted in parts: a count at once holds all in 64 bits."""
    counts = np.zeros(matrix.shape[1], dtype=np.int64)
    size = max(PART, len(counts))
    for start in range(0, len(matrix.indices), size):
        counts += np.bincount(matrix.indices[start : start + size], minlength=len(counts))
    return counts


def rarest(ranked: Any, sizes: np.ndarray, threshold: float) -> Any:
    """The rarest shingles of each set that a near set has one of, without those of one set alone.

    A pair whose Jaccard similarity reaches t shares one of the n − ⌈t·n⌉ + 1 rarest shingles of
    each (prefix filtering, Chaudhuri et al. 2006), so that no pair is missed. ranked: see `by_rarity`;
    sizes: of the whole sets. The value of each is the highest similarity at which it is one of those.
    """
    from scipy.sparse import csr_matrix

    counts = _counts(ranked)
    chosen, values = [np.zeros(0, np.int64)], [np.zeros(0)]
    for start in range(0, len(sizes), ROWS):
        ends = ranked.indptr[start : start + ROWS + 1].astype(np.int64)
        own, shared = sizes[start : start + ROWS], np.diff(ends)
        # Shingles of one set alone are the rarest of all.
        nth = np.arange(ends[0], ends[-1]) - np.repeat(ends[:-1] - own + shared, shared)
        # A rounding error must not cost a shingle: 0.7 · 10 is 7, not 7.000000000000001.
        prefix = own - np.ceil(threshold * own - 1e-9).astype(np.int64) + 1
        common = counts[ranked.indices[ends[0] : ends[-1]]] > 1
        places = np.flatnonzero((nth < np.repeat(prefix, shared)) & common)
        whole = np.repeat(own, shared)[places]
        chosen.append(ends[0] + places)
        values.append((whole - nth[places]) / np.maximum(whole, 1))
    all_places = np.concatenate(chosen)
    ends = np.searchsorted(all_places, ranked.indptr)
    indices = ranked.indices[all_places]
    return csr_matrix((np.concatenate(values), indices, ends), shape=ranked.shape)
