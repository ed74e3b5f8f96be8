"""Clusters of vectors, for methods that take rows from each."""

from __future__ import annotations

import numpy as np

BLOCK = 4_096
ROUNDS = 8
"""Rounds of k-means; more of them moved few rows."""

SAMPLE = 64
"""Rows per cluster that the centres are learnt from."""


def k_means(vectors: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit centres, (clusters, width), and the cluster of each row, by spherical k-means.

    vectors: unit length, (rows, width). Centres start at random rows and are learnt from at most
    SAMPLE rows a cluster. Clusters without a row are left out. A row without a vector (zeros) is in
    one of the clusters.
    """
    from scipy.sparse import csr_array

    draw = np.random.default_rng(seed)
    count = max(1, min(count, len(vectors)))
    some = np.sort(draw.permutation(len(vectors))[: SAMPLE * count])
    rows = vectors[some]
    centres = rows[np.sort(draw.permutation(len(rows))[:count])]
    for _ in range(ROUNDS):
        place = _nearest(rows, centres)
        ones = np.ones(len(rows), np.float32)
        sums = csr_array((ones, (place, np.arange(len(rows)))), shape=(count, len(rows))) @ rows
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    used, place = np.unique(_nearest(vectors, centres), return_inverse=True)
    return centres[used].astype(np.float32), place.reshape(-1)


def _nearest(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The nearest centre of each row; ties go to the lower number."""
    parts = [
        (vectors[start : start + BLOCK] @ centres.T).argmax(axis=1)
        for start in range(0, len(vectors), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
