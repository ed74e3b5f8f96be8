"""Measures of a choice, on arrays: how well it covers its pool, and how much its parts differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from curation.text.words import words

BLOCK = 512
"""Rows compared with all chosen ones at once: 100 MB of similarities with 50,000 chosen."""

REACH = 0.7
"""Cosine similarity from which a chosen example covers another."""

NEIGHBOURS = 10
"""Nearest rows of the pool that give the density around a row in NovelSum, as in the paper."""

SPREAD = 0.01
"""Least mean squared distance to those neighbours that counts in NovelSum.

The paper's code adds 1e-9 instead; then a row with ten copies in the pool would count as much as 500
others.
"""

ROWS = 200
"""Chosen rows, evenly spaced by rank, whose mean is NovelSum."""


def coverage_curve(
    vectors: np.ndarray, chosen: np.ndarray, sizes: Sequence[int]
) -> dict[str, np.ndarray]:
    """Return how well the first k chosen rows cover others, for each k of `sizes`.

    vectors: unit vectors of the rows to cover, (rows, width). chosen: those of the chosen rows, the
    first chosen first, (budget, width). facility_location: mean similarity of a row to its nearest
    chosen, negative ones as 0: the share of what the whole pool reaches. radius: greatest distance
    (1 − cosine) of a row to its nearest chosen. within_reach: share of rows with a chosen one at
    REACH or nearer.
    """
    last = np.asarray(sizes) - 1
    share, reached, nearest = np.zeros(len(last)), np.zeros(len(last)), np.full(len(last), 1.0)
    for start in range(0, len(vectors), BLOCK):
        near = vectors[start : start + BLOCK] @ chosen.T
        near = np.maximum.accumulate(near, axis=1, out=near)[:, last]
        share += np.maximum(near, 0).sum(axis=0, dtype=np.float64)
        reached += (near >= REACH - 1e-6).sum(axis=0)
        nearest = np.minimum(nearest, near.min(axis=0))
    rows = max(len(vectors), 1)
    return {
        "facility_location": share / rows,
        "radius": 1 - nearest,
        "within_reach": reached / rows,
    }


def densities(vectors: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return the root of the density of a pool around each row, (rows,).

    The density is one over the mean squared distance, 2 · (1 − cosine), to the NEIGHBOURS nearest
    rows of the pool, without one equal row: the row itself.
    """
    near = np.zeros((len(vectors), 0), dtype=np.float32)
    count = min(NEIGHBOURS + 1, len(pool))
    for start in range(0, len(pool), 8 * BLOCK):
        near = np.hstack([near, vectors @ pool[start : start + 8 * BLOCK].T])
        near = -np.partition(-near, min(count, near.shape[1]) - 1, axis=1)[:, :count]
    squared = np.sort(np.maximum(2 - 2 * near, 0), axis=1)
    others = squared[:, 1:] if squared.shape[1] > 1 else squared
    return np.asarray(np.maximum(others.mean(axis=1), SPREAD) ** -0.5)


def novelsum(chosen: np.ndarray, density: np.ndarray, rows: np.ndarray) -> float:
    """Return NovelSum of chosen unit vectors, (budget, width): how much they differ from each other.

    The mean over rows i of density_i · Σ_r d_i(r) / r / Σ_r 1 / r, where d_i(r) is the r-th smallest
    distance, 1 − cosine, from i to the chosen rows, itself included (Yang et al. 2025, with α = 1 and
    β = 0.5, as in the authors' code). density: of `densities`, for `rows`. rows: positions among the
    chosen over which the mean is taken.
    """
    distances = np.sort(np.maximum(1 - chosen[rows] @ chosen.T, 0), axis=1)
    weights = (1 / np.arange(1, len(chosen) + 1)).astype(np.float32)
    return float((density * (distances @ weights)).mean() / weights.sum())


def evenly(size: int, most: int = ROWS) -> np.ndarray:
    """Return at most `most` positions below a size, evenly spaced."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))


def vendi(vectors: np.ndarray) -> float:
    """Return the Vendi score of unit vectors: the effective number of distinct examples.

    The exponential of the entropy of the eigenvalues of the kernel K / n with K = X Xᵀ (Friedman and
    Dieng 2023). They are those of Xᵀ X / n, (width, width), which is the smaller matrix.
    """
    kernel = (vectors.T @ vectors).astype(np.float64) / max(len(vectors), 1)
    spectrum = np.linalg.eigvalsh(kernel)
    return float(np.exp(_entropy(spectrum[spectrum > 1e-12])))


def entropy_bits(values: Iterable[str]) -> float:
    """Return the entropy of values over their groups, in bits: 3 is as varied as 8 equal groups."""
    return _entropy(np.array(list(Counter(values).values()), dtype=float)) / float(np.log(2))


def distinct_pairs(texts: Iterable[str]) -> float:
    """Return the share of different pairs of neighbouring words among all pairs (distinct-2)."""
    pairs, total = set[tuple[str, str]](), 0
    for text in texts:
        own = list(pairwise(words(text)))
        pairs.update(own)
        total += len(own)
    return len(pairs) / total if total else 0.0


BEND = 0.15
"""Height above its chord, of 1, from which a curve has a knee; a straight line has none."""


def knee(sizes: Sequence[int], values: np.ndarray) -> int | None:
    """Return the size at which a rising curve bends, the point farthest above its chord; or None.

    Both axes are scaled to 0 … 1 first (Satopää et al. 2011).
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    if len(x) < 3 or x[-1] == x[0] or y[-1] <= y[0]:
        return None
    above = (y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])
    return int(sizes[int(above.argmax())]) if above.max() >= BEND else None


def _entropy(weights: np.ndarray) -> float:
    """Return the Shannon entropy of positive weights, in nats."""
    if not len(weights):
        return 0.0
    shares = weights / weights.sum()
    return float(-(shares * np.log(shares)).sum())
