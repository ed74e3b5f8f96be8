"""Rows of nearly the same meaning: pairs, and the kept row whose vector each row's is nearest to.

Guarantee: every pair is compared, so none that reaches the threshold is missed; for `neighbour_pairs`
where the neighbours are exact. Accepted: time grows with the square of the rows: 20,000 rows of width
384 take 2 s of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from curation.alike.pairs import Pairs
from curation.dataset import Progress, silent

BLOCK = 1_024
"""Rows that are compared at once."""

ROUNDING = 1e-5
"""Error of a cosine of float32 vectors: equal ones need not have a cosine of 1."""


def nearest_vectors(
    vectors: np.ndarray, order: np.ndarray, threshold: float, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of the row that stays in each row's place, and the cosine to it.

    vectors: (rows, width), unit length. order: positions, the best to keep first; the others are not
    compared. A row goes when its cosine to a kept row before it reaches the threshold, and its place
    is taken by the nearest of these; any other row stays in its own place, with a cosine of 1.
    """
    leader, cosine = np.arange(len(vectors)), np.ones(len(vectors))
    kept = np.zeros(0, dtype=int)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        near = np.full(len(block), -np.inf)
        if len(kept):
            cosines = vectors[block] @ vectors[kept].T
            nearest = cosines.argmax(axis=1)
            near = cosines[np.arange(len(block)), nearest]
            leader[block] = kept[nearest]
        inside = vectors[block] @ vectors[block].T
        stays = np.zeros(len(block), dtype=bool)
        for i, position in enumerate(block):
            if stays.any() and (best := inside[i][stays].max()) > near[i]:
                near[i] = best
                leader[position] = block[stays][inside[i][stays].argmax()]
            stays[i] = not near[i] >= threshold - ROUNDING
            if stays[i]:
                leader[position] = position
            else:
                cosine[position] = min(1.0, float(near[i]))
        kept = np.append(kept, block[stays])
        progress((start + len(block)) / len(order), f"{start + len(block):,} of {len(order):,}")
    return leader, cosine


CELLS = 50_000_000
"""Cosines that are computed at once: 200 MB."""

WIDTH = 50
"""Neighbours of each row that are looked at first; the map and a selection share them."""


def neighbour_pairs(
    vectors: np.ndarray, neighbours: Callable[..., tuple[np.ndarray, np.ndarray]], threshold: float
) -> Iterator[Pairs]:
    """Yield the pairs of rows whose cosine reaches a threshold, in blocks.

    neighbours: a function of k; see `curation.registry.INPUTS`. A row whose WIDTH neighbours are all
    that near is compared with every row.
    """
    indices, cosines = neighbours(WIDTH)
    near = cosines >= threshold - ROUNDING
    first, place = np.nonzero(near)
    second = indices[first, place].astype(np.int64)
    yield _ordered(first, second, cosines[first, place])
    full = np.flatnonzero(near.all(axis=1)) if near.shape[1] else np.zeros(0, dtype=int)
    if len(full) and near.shape[1] < len(vectors) - 1:
        yield from vector_pairs(vectors, threshold, full, np.arange(len(vectors)))


def vector_pairs(
    vectors: np.ndarray,
    threshold: float,
    some: np.ndarray,
    others: np.ndarray,
    progress: Progress = silent,
) -> Iterator[Pairs]:
    """Yield the pairs of one of some rows and one of the others whose cosine reaches a threshold."""
    data, size = vectors[others], max(1, min(BLOCK, CELLS // max(1, len(others))))
    for start in range(0, len(some), size):
        block = some[start : start + size]
        cosines = vectors[block] @ data.T
        i, j = np.nonzero(cosines >= threshold - ROUNDING)
        different = block[i] != others[j]
        i, j = i[different], j[different]
        yield _ordered(block[i], others[j], cosines[i, j])
        done = start + len(block)
        progress(done / len(some), f"{done:,} of {len(some):,} compared by meaning")


def _ordered(first: np.ndarray, second: np.ndarray, cosines: np.ndarray) -> Pairs:
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    return Pairs(lower, upper, np.minimum(cosines, 1.0))
