"""Spherical k-means: clusters of vectors, for methods that take rows from each, and for topics."""

from __future__ import annotations

import numpy as np

from curation.vectors import Many

BLOCK = 4_096
ROUNDS = 8
"""Rounds of k-means; more of them moved few rows."""

SAMPLE = 64
"""Rows per cluster that the centres are learnt from."""

FLAT = 1_024
"""Clusters that are learnt at once; more are the clusters of clusters, since time grows with their number."""


def k_means(vectors: Many, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit centres, (clusters, width), and the cluster of each row, by spherical k-means.

    vectors: unit length, (rows, width). Centres start at random rows and are learnt from at most
    SAMPLE rows a cluster. More clusters than FLAT are made at two levels: as many as their root, each
    of which is cut into its share of them by its rows. Clusters without a row are left out. A row
    without a vector (zeros) is in one of the clusters.
    """
    count = max(1, min(count, len(vectors)))
    if count <= FLAT:
        return _flat(vectors, count, seed)
    wide = _flat(vectors, round(count**0.5), seed)[1]
    order = np.argsort(wide, kind="stable")
    centres, place, before = list[np.ndarray](), np.zeros(len(vectors), dtype=np.int64), 0
    for rows in np.split(order, np.cumsum(np.bincount(wide))[:-1]):
        share = max(1, round(count * len(rows) / len(vectors)))
        own, inside = _flat(vectors[rows], share, seed)
        place[rows] = before + inside
        centres.append(own)
        before += len(own)
    return np.concatenate(centres), place


def _flat(vectors: Many, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    some = np.sort(draw.permutation(len(vectors))[: SAMPLE * count])
    rows = vectors[some]
    centres = refined(rows, rows[np.sort(draw.permutation(len(rows))[:count])], ROUNDS)
    used, place = np.unique(nearest_centre(vectors, centres), return_inverse=True)
    return centres[used], place.reshape(-1)


def refined(vectors: np.ndarray, centres: np.ndarray, rounds: int) -> np.ndarray:
    """Return unit centres after some rounds of k-means; a centre that loses all rows stays."""
    for _ in range(rounds):
        means = means_of(vectors, nearest_centre(vectors, centres), len(centres))
        centres = np.where(means.any(axis=1, keepdims=True), unit(means), centres)
    return centres


def nearest_centre(
    vectors: Many, centres: np.ndarray, some: np.ndarray | None = None
) -> np.ndarray:
    """Return the nearest centre of each row, or of those at some positions; ties go to the lower number."""
    rows = len(vectors) if some is None else len(some)
    blocks = (slice(start, start + BLOCK) for start in range(0, rows, BLOCK))
    parts = [
        (vectors[block if some is None else some[block]] @ centres.T).argmax(axis=1)
        for block in blocks
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def means_of(vectors: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of each cluster's rows, (count, width); zeros for a cluster without rows."""
    from scipy.sparse import csr_array

    rows = len(vectors)
    sums = csr_array((np.ones(rows, np.float32), (place, np.arange(rows))), shape=(count, rows))
    sizes = np.maximum(1, np.bincount(place, minlength=count))
    return np.asarray(sums @ vectors / sizes[:, None], dtype=np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors at unit length; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
