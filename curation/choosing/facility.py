"""Facility location, alone or with quality, by lazy greedy choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.choosing.preference import Method, Preference, highest

Neighbours = Callable[..., tuple[np.ndarray, np.ndarray]]
"""k and positions → indices among these positions and cosine similarities, both (rows, k)."""

NEIGHBOURS = 50
"""Rows that one row can cover; a dense graph of 50,000 rows would take 10 GB."""

LEAST = 1e-9
"""The least gain that a logarithm is taken of: that of 0 is not finite."""

FEW, MANY = 32, 256
"""Rows whose gains are computed together: at first, and at most while none of them is the best."""


@dataclass(frozen=True)
class Graph:
    """The coverage graph: row j covers `covered[starts[j] : starts[j + 1]]` with these weights."""

    starts: np.ndarray
    covered: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def alone(self) -> np.ndarray:
        """The sum of the similarities that each row covers when it is chosen first, (rows,)."""
        sums = np.add.reduceat(np.append(self.weights, 0.0), self.starts[:-1], dtype=np.float64)
        return np.asarray(sums) if len(self) else np.zeros(0)

    def gains(self, rows: np.ndarray, reached: np.ndarray) -> np.ndarray:
        """The gain in facility location of each of some rows, (rows,)."""
        begins = self.starts[rows]
        counts = self.starts[rows + 1] - begins
        ends = np.cumsum(counts)
        places = np.repeat(begins - ends + counts, counts) + np.arange(ends[-1])
        more = self.weights[places] - reached[self.covered[places]]
        return np.add.reduceat(np.maximum(more, 0, out=more), ends - counts)

    def take(self, row: int | np.integer, reached: np.ndarray) -> None:
        """Raise what is reached to what a row covers."""
        part = slice(self.starts[row], self.starts[row + 1])
        covered = self.covered[part]
        reached[covered] = np.maximum(reached[covered], self.weights[part])


def coverage_graph(indices: np.ndarray, similarities: np.ndarray) -> Graph:
    """Return the graph of k nearest neighbours, (rows, k).

    A row is covered by its neighbours and by itself with similarity 1; negative ones count as 0.
    """
    from scipy.sparse import csr_array

    rows, k = indices.shape
    own = np.arange(rows, dtype=np.int32)[:, None]
    by = np.hstack([own, indices.astype(np.int32, copy=False)])
    weight = np.hstack([np.ones((rows, 1), np.float32), np.maximum(similarities, 0)])
    starts = np.arange(0, rows * (k + 1) + 1, k + 1)
    covers = csr_array((weight.reshape(-1), by.reshape(-1), starts), shape=(rows, rows)).tocsc()
    return Graph(covers.indptr.astype(np.int64), covers.indices, covers.data)


def facility_location(
    neighbours: Neighbours, quality: np.ndarray | None = None, alpha: float = 0.0
) -> Method:
    """Prefer the row of greatest (1 − alpha) · log gain + alpha · quality.

    gain is the rise of facility location; quality, (rows,), is standardised. The weighted sum of QDIT
    (Bukharin 2023) without the logarithm is quality alone after the first picks, for gains shrink
    and quality does not. Only members are covered. Lazy evaluation (Minoux 1978) is exact, since
    gains only fall. Ties go to the lower position.
    """
    bonuses = None if quality is None else alpha * standardised(quality)

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        graph = coverage_graph(*neighbours(min(NEIGHBOURS, len(members) - 1), members))
        bonus = np.zeros(len(members)) if bonuses is None else bonuses[members]
        reached, chosen = np.zeros(len(members)), np.searchsorted(members, first)
        for row in chosen.tolist():
            graph.take(row, reached)
        bounds = (1 - alpha) * np.log(graph.alone + LEAST) + bonus
        bounds[chosen] = -np.inf
        while (bounds > -np.inf).any():
            window, limit = highest(bounds)
            values, fresh, many = bounds[window], np.zeros(len(window), dtype=bool), FEW
            gains = np.zeros(len(window))
            while True:
                best = int(values.argmax())
                if values[best] == -np.inf or (-values[best], window[best]) > limit:
                    break
                if not fresh[best]:  # what may be better than the best is evaluated with it
                    some = np.arange(len(values))
                    if many < len(values):  # of many that tie the best may not be among the highest
                        some = np.append(np.argpartition(values, -many)[-many:], best)
                    gains[some] = graph.gains(window[some], reached)
                    now = (1 - alpha) * np.log(gains[some] + LEAST) + bonus[window[some]]
                    values[some] = np.where(values[some] > -np.inf, now, -np.inf)
                    fresh[some], many = True, min(2 * many, MANY)
                    continue
                if (yield int(members[window[best]]), float(gains[best])):
                    graph.take(window[best], reached)
                    fresh[:], many = False, FEW
                values[best] = -np.inf
            bounds[window] = values

    return method


def standardised(values: np.ndarray) -> np.ndarray:
    """Values less their mean, over their standard deviation; missing ones count as the mean."""
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite) or finite.std() == 0:
        return np.zeros(len(numbers))
    return np.where(np.isfinite(numbers), (numbers - finite.mean()) / finite.std(), 0.0)
