"""Rows of nearly the same meaning: the kept row whose vector each row's is nearest to.

Guarantee: every pair is compared, so none that reaches the threshold is missed. Accepted: time grows
with the square of the rows: 20,000 rows of width 384 take 2 s of one core.
"""

from __future__ import annotations

import numpy as np

from curation.dataset import Progress

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
