"""Choice of k of N rows by facility location and quality, on arrays only."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.dataset import Progress, silent


@dataclass(frozen=True)
class Chosen:
    """A greedy choice.

    order: positions in the order of choice. gains: facility location gained by each. best: for
    every row, the position of the chosen row nearest to it (-1: none). similarity: similarity to
    that row, 0 to 1.
    """

    order: np.ndarray
    gains: np.ndarray
    best: np.ndarray
    similarity: np.ndarray


def coverage_graph(
    indices: np.ndarray, similarities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which row covers which, as a sparse matrix by columns: (starts, covered, similarities).

    Row i is covered by its neighbours and by itself with similarity 1; negative ones count as 0.
    """
    rows, k = indices.shape
    covered = np.concatenate([np.arange(rows), np.repeat(np.arange(rows), k)])
    by = np.concatenate([np.arange(rows), indices.reshape(-1)])
    weight = np.concatenate([np.ones(rows, np.float32), np.maximum(similarities.reshape(-1), 0)])
    order = np.lexsort((covered, by))
    starts = np.searchsorted(by[order], np.arange(rows + 1))
    return starts, covered[order].astype(np.int64), weight[order].astype(np.float64)


def greedy(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray],
    budget: int,
    quality: np.ndarray | None = None,
    alpha: float = 0.0,
    first: Sequence[int] = (),
    progress: Progress = silent,
) -> Chosen:
    """Take the row of greatest (1 − alpha) · gain + alpha · quality, budget times (QDIT, Bukharin 2023).

    gain is the rise of facility location divided by its standard deviation among first picks;
    quality (rows,) is standardised. `first` are taken before all others, and count. Lazy evaluation
    (Minoux 1978): exact, since gains only fall. Ties go to the lower position.
    """
    starts, covered, weight = graph
    rows = len(starts) - 1
    reached, best = np.zeros(rows), np.full(rows, -1, dtype=np.int64)
    alone = np.add.reduceat(np.append(weight, 0.0), starts[:-1]) if rows else np.zeros(0)
    scale = float(alone.std()) or 1.0
    bonus = np.zeros(rows) if quality is None else alpha * standardised(quality)
    taken, order, gains = np.zeros(rows, dtype=bool), list[int](), list[float]()

    def gain_of(j: int) -> float:
        part = slice(starts[j], starts[j + 1])
        return float(np.maximum(weight[part] - reached[covered[part]], 0).sum())

    def take(j: int, gain: float) -> None:
        part = slice(starts[j], starts[j + 1])
        who, how = covered[part], weight[part]
        better = how > reached[who]
        reached[who[better]] = how[better]
        best[who[better]] = j
        best[j] = j
        taken[j] = True
        order.append(j)
        gains.append(gain)

    for j in first:
        take(int(j), gain_of(int(j)))
    free = np.flatnonzero(~taken)
    heap = [(-((1 - alpha) * alone[j] / scale + bonus[j]), int(j), -1) for j in free]
    heapq.heapify(heap)
    while len(order) < budget and heap:
        value, j, picks = heapq.heappop(heap)
        if picks == len(order):
            take(j, gain_of(j))
            if len(order) % 500 == 0:
                progress(len(order) / budget, f"{len(order):,} of {budget:,} chosen")
        else:
            fresh = (1 - alpha) * gain_of(j) / scale + bonus[j]
            heapq.heappush(heap, (-fresh, j, len(order)))
    return Chosen(np.array(order, dtype=np.int64), np.array(gains), best, reached)


def standardised(values: np.ndarray) -> np.ndarray:
    """Values less their mean, over their standard deviation; missing ones count as the mean."""
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite) or finite.std() == 0:
        return np.zeros(len(numbers))
    return np.where(np.isfinite(numbers), (numbers - finite.mean()) / finite.std(), 0.0)


def places(
    weights: Sequence[float], room: Sequence[int], budget: int, least: Sequence[int]
) -> list[int]:
    """Return the group of each place of a budget beyond `least`, in the order of award.

    Each place goes to the group with the greatest weight / (2 · places + 1) that has room (Webster's
    or Sainte-Laguë's method): shares are in proportion to the weights, what a small group cannot
    take goes to the others, and a larger budget only adds places. Ties go to the lower position.
    """
    counts = list(least)
    queue = [
        (-weight / (2 * count + 1), i)
        for i, (weight, count) in enumerate(zip(weights, counts, strict=True))
        if count < room[i]
    ]
    heapq.heapify(queue)
    awarded = list[int]()
    while queue and len(awarded) < budget - sum(least):
        _, i = heapq.heappop(queue)
        awarded.append(i)
        counts[i] += 1
        if counts[i] < room[i]:
            heapq.heappush(queue, (-weights[i] / (2 * counts[i] + 1), i))
    return awarded


def spread_out(vectors: np.ndarray, count: int) -> np.ndarray:
    """Positions of `count` rows that lie far from each other, the most typical first.

    Farthest-first traversal (Gonzalez 1985) of unit vectors, (rows, width), from the row nearest to
    their mean: any row is at most twice as far from a chosen one as with the best choice.
    """
    if len(vectors) == 0 or count <= 0:
        return np.zeros(0, dtype=int)
    chosen = [int((vectors @ vectors.mean(axis=0)).argmax())]
    near = vectors @ vectors[chosen[0]]
    while len(chosen) < min(count, len(vectors)):
        chosen.append(int(near.argmin()))
        np.maximum(near, vectors @ vectors[chosen[-1]], out=near)
        near[chosen] = np.inf
    return np.array(chosen)
