"""Near-duplicates: the pairs of examples whose sides are nearly the same, down to a floor.

Guarantee: no pair that reaches the floor is missed, except between examples that are `full`: of these
`Sides.between` finds the rest, among few. Accepted: a run of words proposes no more than MOST examples
for a comparison, so that time grows with the rows and not with their square where many fill one
template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from curation.alike.incidence import Incidence, by_rarity, rarest
from curation.alike.pairs import Pairs, joined
from curation.alike.sets import Sets, classes
from curation.dataset import Progress, silent

MOST = 100
"""Examples that one shingle proposes for a comparison, and that one example is compared with."""

HITS = 2_000_000
"""Shared shingles that are counted at once, so that the products stay small."""

CHECKED = 20_000
"""Pairs whose shared shingles are counted at once."""

RARER, MOSTLY = 2 / 3, 0.8
"""A slot's words stand in fewer rows than two thirds of those that share the template; most of them."""


class Sides:
    """Examples by the shingles of one side or of two; two are near when every side is.

    sets: the shingles of each example, a side after the other. labelled: examples whose second side is
    a label, which does not help to find a pair. codes: the class of each example, (examples,); those
    of one class have equal shingles. An example whose only compared side is empty is a class of its own, near to none.
    """

    def __init__(
        self, sets: Sequence[Sets | Sequence[np.ndarray]], labelled: np.ndarray | None = None
    ) -> None:
        sides = [Sets.of(side) for side in sets]
        self.codes, first = classes(sides)
        self._sides = [_Side(side.chosen(first)) for side in sides]
        self._sizes = np.sum([side.sizes for side in self._sides], axis=0)
        self._proposals = self._joint(None if labelled is None else labelled[first])

    def __len__(self) -> int:
        return int(self._proposals.shape[0])

    def pairs(self, threshold: float, progress: Progress = silent) -> tuple[Pairs, np.ndarray]:
        """The pairs of classes that are near, and the similarity up to which each class is full.

        A full class shares rare shingles with more classes than it was compared with; 0 for one that
        was compared with all.
        """
        return self.between(np.arange(len(self)), threshold, progress)

    def between(
        self, order: np.ndarray, threshold: float, progress: Progress = silent
    ) -> tuple[Pairs, np.ndarray]:
        """The same for some classes, of which the first in an order propose themselves to the others."""
        near, full = [], np.zeros(len(self))
        for rows, others, done in self._candidates(order, threshold, full):
            progress(done, f"{int(done * len(order)):,} of {len(order):,} compared")
            for start in range(0, len(rows), CHECKED):
                part = slice(start, start + CHECKED)
                near.append(self._near(order[rows[part]], order[others[part]], threshold))
        return joined(near), full

    def _near(self, a: np.ndarray, b: np.ndarray, threshold: float) -> Pairs:
        """Pairs (a, b) as near as the threshold on every side; two fillings of one template are no pair."""
        least, templates = np.ones(len(a)), np.zeros(len(a), dtype=bool)
        for side in self._sides:
            alive = least >= threshold - 1e-9
            a, b, least, templates = a[alive], b[alive], least[alive], templates[alive]
            similarity, fills_otherwise = side.compare(a, b, threshold)
            least, templates = np.minimum(least, similarity), templates | fills_otherwise
        near = (least >= threshold - 1e-9) & ~templates
        return Pairs(np.minimum(a, b)[near], np.maximum(a, b)[near], least[near])

    def _joint(self, labelled: np.ndarray | None) -> Any:
        """The shingles of all sides as one matrix (classes, shingles), its columns the rarest first."""
        from scipy.sparse import hstack

        matrices = [side.matrix for side in self._sides]
        if labelled is not None:
            matrices[1] = matrices[1].copy()
            matrices[1].data[np.repeat(labelled, np.diff(matrices[1].indptr))] = 0
            matrices[1].eliminate_zeros()
            self._sizes = self._sizes - np.where(labelled, self._sides[1].sizes, 0)
        return by_rarity(hstack(matrices, format="csr"))

    def _candidates(
        self, order: np.ndarray, threshold: float, full: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Yield places in `order` that share a rare shingle, (later, earlier), and the share done.

        See `rarest`; marks the full.
        """
        rare = rarest(self._proposals[order], self._sizes[order], threshold)
        by_shingle = rare.tocsc()  # the rows of a column are in order
        place = np.arange(len(by_shingle.indices)) - np.repeat(
            by_shingle.indptr[:-1], np.diff(by_shingle.indptr)
        )
        # At a higher threshold fewer shingles propose, and these are the rarest: a class is full while
        # the first one that MOST others propose is among them.
        crowded = place >= MOST
        np.maximum.at(full, order[by_shingle.indices[crowded]], by_shingle.data[crowded])
        by_shingle.data[:] = ~crowded
        by_shingle.eliminate_zeros()
        proposing, rare = by_shingle.T.tocsr().astype(np.int32), (rare != 0).astype(np.int32)
        hits = np.append(0, np.cumsum(rare @ np.diff(proposing.indptr)))
        begin = 0
        while begin < len(order):
            end = max(begin + 1, int(np.searchsorted(hits, hits[begin] + HITS, "right")) - 1)
            product = (rare[begin:end] @ proposing).tocoo()
            rows, others, shared = product.row.astype(np.int64) + begin, product.col, product.data
            earlier = others < rows
            rows, others, shared = rows[earlier], others[earlier].astype(np.int64), shared[earlier]
            best = np.lexsort((others, -shared, rows))
            rows, others = rows[best], others[best]
            nth = np.arange(len(rows)) - np.searchsorted(rows, rows)
            full[order[rows[nth >= MOST]]] = 1.0
            yield rows[nth < MOST], others[nth < MOST], end / len(order)
            begin = end


class _Side(Incidence):
    """The sets of one side."""

    def compare(
        self, a: np.ndarray, b: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The Jaccard similarity of pairs of sets, and whether they fill one template otherwise.

        They do where their common shingles stand in three sets or more, and their own ones are much
        rarer on both sides. An edited copy does not, because it lacks shingles that most others have.
        """
        both = self.matrix[a].multiply(self.matrix[b]).tocsr()
        shared, sizes_a, sizes_b = np.diff(both.indptr), self.sizes[a], self.sizes[b]
        union = sizes_a + sizes_b - shared
        similarity = np.where(union, shared / np.maximum(union, 1), 1.0)
        fills = (similarity >= threshold - 1e-9) & (shared > 0)
        fills &= (shared < sizes_a) & (shared < sizes_b)
        some = np.flatnonzero(fills)
        usual = _medians(both[some], self.common)
        rare = usual * RARER
        in_both = _fewer(both[some], self.common, rare)
        fills[some] = usual >= 3
        for rows in (a, b):
            apart = self.sizes[rows[some]] - shared[some]
            rare_apart = _fewer(self.matrix[rows[some]], self.common, rare) - in_both
            rare_apart += np.where(rare > 1, self.singles[rows[some]], 0)
            fills[some] &= rare_apart >= MOSTLY * apart
        return similarity, fills


def _medians(matrix: Any, values: np.ndarray) -> np.ndarray:
    """The median of the values of each row's columns; every row has some."""
    own, sizes = values[matrix.indices], np.diff(matrix.indptr)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    ordered = own[np.lexsort((own, owner))]
    start = matrix.indptr[:-1]
    return np.asarray((ordered[start + (sizes - 1) // 2] + ordered[start + sizes // 2]) / 2)


def _fewer(matrix: Any, values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """The number of each row's columns whose value is below the row's limit."""
    sizes = np.diff(matrix.indptr)
    below = values[matrix.indices] < np.repeat(limits, sizes)
    return np.asarray(np.diff(np.append(0, np.cumsum(below))[matrix.indptr]))
