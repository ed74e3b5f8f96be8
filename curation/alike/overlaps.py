"""Which rows of one set are nearly the same as a row of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

BLOCK = 2_000
"""Rows that are compared with all others at once, so that the products stay small."""


def greatest_jaccard(
    sets: Sequence[np.ndarray], others: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The greatest Jaccard similarity of each set to any of the others, and whose it is.

    sets, others: sorted distinct shingles, one set a row; see `shingles`. Returns similarities
    (rows,), 0 to 1, and positions among the others (rows,), -1 where no shingle is shared. Exact:
    a sparse product counts the shared shingles of every pair.
    """
    similarity, nearest = np.zeros(len(sets)), np.full(len(sets), -1)
    sizes = np.array([len(s) for s in others], dtype=np.int64)
    if not len(sets) or not sizes.sum():
        return similarity, nearest
    vocabulary = np.unique(np.concatenate([s for s in others if len(s)]))
    other = _incidence(others, vocabulary).T.tocsr()
    for start in range(0, len(sets), BLOCK):
        block = sets[start : start + BLOCK]
        shared = (_incidence(block, vocabulary) @ other).tocoo()
        own = np.array([len(s) for s in block], dtype=np.int64)
        score = shared.data / (own[shared.row] + sizes[shared.col] - shared.data)
        order = np.lexsort((-shared.col, score, shared.row))
        last = np.append(np.diff(shared.row[order]) != 0, True)[: len(order)]
        best = order[last]
        similarity[start + shared.row[best]] = score[best]
        nearest[start + shared.row[best]] = shared.col[best]
    return similarity, nearest


def _incidence(sets: Sequence[np.ndarray], vocabulary: np.ndarray) -> Any:
    """A sparse matrix (sets, vocabulary) of ones where a set has a shingle."""
    from scipy.sparse import csr_matrix

    columns, starts = [], [0]
    for values in sets:
        places = np.minimum(np.searchsorted(vocabulary, values), len(vocabulary) - 1)
        columns.append(places[vocabulary[places] == values])
        starts.append(starts[-1] + len(columns[-1]))
    flat = np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64)
    shape = (len(sets), len(vocabulary))
    return csr_matrix((np.ones(len(flat), dtype=np.int32), flat, starts), shape=shape)
