"""The uncertain order: first the rows whose answers would tell a light model most about all others.

A row is worth as much as its answer lowers the model's variance over the rows that wait, which weigh by
their doubt (A-optimal design of a logistic regression, by greedy choice). So a row comes early where
the model cannot tell, many others are like it, and nothing like it was answered or drawn before. Before
there is a model all rows are equally doubtful, and the same choice begins with typical rows that differ
(transductive experimental design, Yu et al. 2006). Guarantee: the same input gives the same order.
"""

from __future__ import annotations

import numpy as np

from curation.looking.light_model import STEP, STRENGTH

BATCH = 40
"""Rows drawn for their worth; those after them follow by their margin alone."""

CANDIDATES = 5_000
"""Rows with the least margin, among which a batch is drawn, and rows whose variance is counted."""

DOUBT = 0.2
"""Weight of every row before there is a model."""

OFFSET = 0.5
"""Value of the column that stands for the intercept."""

COLD = (
    f"It has learned from no answers yet: it begins with {STEP} of two classes. Until then typical "
    "examples come first that differ from each other."
)
"""The remark on the order while there is no model."""


def by_uncertainty(
    vectors: np.ndarray,
    probabilities: np.ndarray,
    learned: np.ndarray,
    learned_probabilities: np.ndarray,
    seed: int,
    batch: int = BATCH,
) -> np.ndarray:
    """Return all rows: first a batch that is worth most together, then by margin, the least first.

    vectors: (rows, width), unit length. probabilities: (rows, classes). learned: the vectors of the
    answered rows, with their own probabilities.
    """
    margin = margins(probabilities)
    order = np.argsort(margin, kind="stable")
    few, learned_doubt = order[:CANDIDATES], (1 - margins(learned_probabilities)) / 2
    counted = _sample(len(vectors), seed)
    doubt = (1 - margin) / 2
    drawn = few[
        worth_most(
            vectors[few],
            doubt[few],
            vectors[counted],
            doubt[counted],
            learned,
            learned_doubt,
            batch,
        )
    ]
    return np.concatenate([drawn, order[~np.isin(order, drawn)]])


def typical(vectors: np.ndarray, seed: int, batch: int = BATCH) -> np.ndarray:
    """Return all rows in a random order, but first a batch of typical ones that differ."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    some = vectors[order[:CANDIDATES]]
    doubt = np.full(len(some), DOUBT)
    drawn = order[worth_most(some, doubt, some, doubt, some[:0], doubt[:0], batch)]
    return np.concatenate([drawn, order[~np.isin(order, drawn)]])


def margins(probabilities: np.ndarray) -> np.ndarray:
    """Return the probability of the likeliest class less that of the second, (rows,)."""
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def worth_most(
    candidates: np.ndarray,
    doubt: np.ndarray,
    others: np.ndarray,
    their_doubt: np.ndarray,
    learned: np.ndarray,
    learned_doubt: np.ndarray,
    count: int,
) -> np.ndarray:
    """Return `count` positions of candidates whose answers lower the variance over the others most.

    With M the information of the regression, 1/C + Σ doubt · x xᵀ over what was answered, and A the mean
    of doubt · x xᵀ over the others, each next row lowers the trace of M⁻¹A most. Both products that
    the gain of a row is made of are updated by rank one. Vectors: (rows, width); doubts: (rows,).
    """
    rows, own = _with_offset(candidates), doubt.astype(np.float64)
    given, far = _with_offset(learned), _with_offset(others)
    information = np.eye(rows.shape[1]) / STRENGTH + _weighted(given, learned_doubt)
    inverse = np.linalg.inv(information)
    spread = inverse @ (_weighted(far, their_doubt) / max(1, len(far))) @ inverse
    variance, shared = _quadratic(rows, inverse), _quadratic(rows, spread)
    free, chosen = np.ones(len(rows), dtype=bool), list[int]()
    while len(chosen) < min(count, len(rows)):
        gains = np.where(free, own * shared / (1 + own * variance), -np.inf)
        best = int(gains.argmax())
        free[best] = False
        chosen.append(best)
        one, two = inverse @ rows[best], spread @ rows[best]
        share, worth = own[best] / (1 + own[best] * variance[best]), shared[best]
        first, second = rows @ one.astype(np.float32), rows @ two.astype(np.float32)
        shared = shared - 2 * share * first * second + share**2 * worth * first**2
        variance = variance - share * first**2
        crossed, square = np.outer(one, two), np.outer(one, one)
        spread = spread - share * (crossed + crossed.T) + share**2 * worth * square
        inverse = inverse - share * square
    return np.array(chosen, dtype=np.int64)


def _with_offset(vectors: np.ndarray) -> np.ndarray:
    offset = np.full((len(vectors), 1), OFFSET, dtype=np.float32)
    return np.hstack([vectors.astype(np.float32, copy=False), offset])


def _weighted(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Σ weight · x xᵀ, (width, width)."""
    scaled = rows * weights.astype(np.float32)[:, None]
    return np.asarray((scaled.T @ rows).astype(np.float64))


def _quadratic(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return xᵀ matrix x of each row, (rows,)."""
    product = rows @ matrix.astype(np.float32)
    return np.asarray(np.einsum("ij,ij->i", product, rows), dtype=np.float64)


def _sample(rows: int, seed: int) -> np.ndarray:
    if rows <= CANDIDATES:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).permutation(rows)[:CANDIDATES])
