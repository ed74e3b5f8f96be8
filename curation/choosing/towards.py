"""Rows that are like a target, taken in turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.choosing.preference import Method, Preference
from curation.vectors import Many, Vectors, some_of

BLOCK = 64
"""Target rows whose similarities to all others are computed together."""


def in_turns(vectors: Many, targets: Sequence[np.ndarray]) -> Method:
    """Prefer, for one target row after the other, the unused row nearest to it (RDS+, rrmax).

    vectors: (rows, width); targets: one or several, each (rows, width); all of unit length. Several
    targets have turns, and each begins anew after its last row. The gain is the cosine to the target
    row. Ties go to the lower position.
    """

    def method(members: np.ndarray, first: np.ndarray) -> Preference:
        part, used = some_of(vectors, members), np.isin(members, first)
        turns = [_Turns(part, target) for target in targets]
        turn = 0
        for _ in range(len(members) - len(first)):
            of = turns[turn % len(turns)]
            row, similarity = of.best(turn // len(turns), used)
            turn += bool((yield int(members[row]), similarity))
            used[row] = True

    return method


class _Turns:
    """The rows by similarity to each row of a target; the nearest are sorted, others when needed."""

    def __init__(self, rows: Many, target: np.ndarray) -> None:
        self.rows, self.target = rows, target
        self._nearest = dict[int, np.ndarray]()
        self._next = np.zeros(len(target), dtype=np.int64)
        self._count = 64

    def best(self, turn: int, used: np.ndarray) -> tuple[int, float]:
        """The unused row nearest to the target row of a turn, and the similarity of both."""
        t = turn % len(self.target)
        if t not in self._nearest:
            self._look_up(t)
        while True:
            order = self._nearest[t]
            while self._next[t] < len(order) and used[order[self._next[t]]]:
                self._next[t] += 1
            if self._next[t] < len(order):
                row = int(order[self._next[t]])
                return row, float(self.rows[row] @ self.target[t])
            self._nearest[t] = self._sorted(self.rows @ self.target[t], len(self.rows))
            self._next[t] = 0

    def _look_up(self, t: int) -> None:
        """Sort the nearest rows of a block of target rows."""
        block = np.arange(t, min(t + BLOCK, len(self.target)))
        some = self.target[block]
        together = (self.rows @ some.T).T if isinstance(self.rows, Vectors) else some @ self.rows.T
        for number, similar in zip(block.tolist(), together, strict=True):
            self._nearest[number] = self._sorted(similar, self._count)

    def _sorted(self, similar: np.ndarray, count: int) -> np.ndarray:
        """The most similar rows, at least so many where there are, and all that tie with the last."""
        if count < len(similar):
            least = np.partition(similar, -count)[-count]
            few = np.flatnonzero(similar >= least)
        else:
            few = np.arange(len(similar))
        return few[np.lexsort([few, -similar[few]])]
