"""Sets of shingles as a sparse matrix of those that two sets or more share.

Guarantee: counted are all shingles; those of one set alone have no column, since no pair shares one, and
most shingles are such.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.alike.sets import Sets

PART = 1 << 21
"""Hashes that are sorted at once, about."""

ROWS = 100_000
"""Sets of which the rarest shingles are looked for at once."""


class Incidence:
    """Sets as rows of a matrix of ones.

    matrix: (sets, shared shingles), int8; columns in the order of the hashes. sizes: of the whole sets.
    singles: shingles that no other set has. common: in how many sets each column's shingle stands.
    """

    def __init__(self, sets: Sets) -> None:
        from scipy.sparse import csr_matrix

        columns, self.common = _columns(sets.values)
        shared = np.flatnonzero(columns >= 0)
        ends = np.searchsorted(shared, sets.ends)
        indices = columns[shared]
        del columns, shared
        ones = np.ones(len(indices), dtype=np.int8)
        shape = (len(sets), len(self.common))
        self.matrix = csr_matrix((ones, indices, ends), shape=shape)
        self.sizes = sets.sizes
        self.singles = sets.sizes - np.diff(ends)


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
    counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
    rank = np.empty(len(counts), dtype=matrix.indices.dtype)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    matrix.indices = rank[matrix.indices]
    matrix.has_sorted_indices = False
    matrix.sort_indices()
    return matrix


def rarest(ranked: Any, sizes: np.ndarray, threshold: float) -> Any:
    """The rarest shingles of each set that a near set has one of, without those of one set alone.

    A pair whose Jaccard similarity reaches t shares one of the n − ⌈t·n⌉ + 1 rarest shingles of
    each (prefix filtering, Chaudhuri et al. 2006), so that no pair is missed. ranked: see `by_rarity`;
    sizes: of the whole sets. The value of each is the highest similarity at which it is one of those.
    """
    from scipy.sparse import csr_matrix

    counts = np.bincount(ranked.indices, minlength=ranked.shape[1])
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
