"""Information gain over labels that lie near each other (MIG), by lazy evaluation."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import numpy as np

from curation.choosing.preference import Method, Preference

NEAR = 0.9
"""Cosine similarity of two labels from which a row of one also informs about the other."""

POWER = 0.8
"""Exponent of φ(x) = (x + SHIFT)^POWER, by which what is already covered counts less."""

SHIFT = 1e-6


def propagation(centres: np.ndarray) -> np.ndarray:
    """P of MIG, (labels, labels): cosines of unit centres of at least NEAR, columns summing to 1."""
    weights = centres @ centres.T
    weights[weights < NEAR] = 0.0
    np.fill_diagonal(weights, 1.0)
    return np.asarray(weights / weights.sum(axis=0), dtype=np.float64)


def information(
    labels: Sequence[Sequence[int]], centres: np.ndarray, quality: np.ndarray
) -> Method:
    """Prefer the row of greatest y · φ′(x), as MIG does (Chen et al. 2025).

    labels: of each row, numbers of centres. y = v P, where v holds quality / number of labels at each
    label of the row; x is the sum of y over the chosen. quality, (rows,): below 0 counts as 0, and a
    missing one as the mean. φ′ falls as x grows, so scores only fall, and lazy evaluation is exact:
    of the rows with equal labels the best comes first, so one entry for them is enough. Ties go to
    the lower position.
    """
    matrix = propagation(centres)
    near = [np.flatnonzero(row) for row in matrix]
    finite = quality[np.isfinite(quality)]
    mean = float(finite.mean()) if len(finite) else 1.0
    worth = np.maximum(np.where(np.isfinite(quality), quality, mean), 0.0)

    def spread(row: int) -> tuple[np.ndarray, np.ndarray]:
        """The labels that a row of quality 1 informs about, and how much about each."""
        own = labels[row]
        if not len(own):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        reached = np.unique(np.concatenate([near[label] for label in own]))
        return reached, matrix[np.ix_(np.asarray(own), reached)].sum(axis=0) / len(own)

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        total = np.full(len(centres), SHIFT)
        for row in first.tolist():
            reached, parts = spread(row)
            total[reached] += worth[row] * parts
        queues, entries = _queues(labels, worth, members[~np.isin(members, first)]), []
        for key, queue in queues.items():
            reached, parts = spread(queue[-1])
            entries.append((-np.inf, queue[-1], -1, key, reached, parts))
        # Rows differ, so no comparison of two entries reaches the arrays.
        heapq.heapify(entries)
        picks = 0
        while entries:
            _, row, evaluated, key, reached, parts = heapq.heappop(entries)
            score = worth[row] * float(parts @ (POWER * total[reached] ** (POWER - 1)))
            if evaluated != picks:
                heapq.heappush(entries, (-score, row, picks, key, reached, parts))
                continue
            queue = queues[key]
            queue.pop()
            if (yield row, score):
                total[reached] += worth[row] * parts
                picks += 1
            if queue:
                # A bound that is too high costs one evaluation more; a row of less quality is below it.
                heapq.heappush(entries, (-score, queue[-1], -1, key, reached, parts))

    return method


def _queues(
    labels: Sequence[Sequence[int]], worth: np.ndarray, rows: np.ndarray
) -> dict[tuple[int, ...], list[int]]:
    """The rows by their labels, the best last."""
    queues = dict[tuple[int, ...], list[int]]()
    for row in _worst_first(worth, rows):
        queues.setdefault(tuple(labels[row]), []).append(row)
    return queues


def _worst_first(worth: np.ndarray, rows: np.ndarray) -> Iterator[int]:
    yield from rows[np.lexsort([rows, -worth[rows]])][::-1].tolist()
