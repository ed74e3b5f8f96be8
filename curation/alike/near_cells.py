"""Rows of nearly the same meaning among very many: a search in cells, whose recall is measured.

Guarantee: RECALL of the pairs of a sample are found, or every row is compared with all that could be
near. The same vectors in any order have the same pairs; a pair is never one that is not near.
Accepted: a few pairs in ten thousand are missed, those of two rows that lie deep in two cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from curation.alike.cutting import ROUNDING
from curation.alike.likeness import Sample
from curation.alike.near_vectors import ACROSS, BLOCK, LEARNT, MANY, SLACK, compared, directions_of
from curation.alike.pairs import NO_PAIRS, Pairs
from curation.alike.sets import vector_keys
from curation.dataset import Progress, silent
from curation.vectors import Vectors

MANY_ROWS = 300_000
"""Rows up to which all are compared, which takes half a minute of a processor."""

RECALL = 0.999
"""Share of the pairs of a sample that has to be found."""

REACHES = (0.6, 0.8, 1.0)
"""The depth in its own cell of a row that looks into another: a share of half the distance of the
farthest near pair. Of a near pair in two cells one row lies no deeper than that half, so 1 finds all."""

LEADING = 32
"""Principal components that rows are sorted into cells by."""

FINE = 64
"""Principal components that pairs are compared by before they are compared whole."""

FEW = 8
"""Components of all rows that are put in the order of the cells at once."""

CELL = 400
"""Rows of a cell on average."""

SLAB = 512
"""Cells whose visitors are listed at once."""

AT_ONCE = 100_000
"""Pairs that are compared whole at once."""

SAMPLE_PAIRS, SAMPLE_LEAST, SAMPLE_MOST, SAMPLE_BLOCK = 2_000, 1_000, 4_000, 100
"""Near pairs of the sample, the least and the most rows that they are sought for, and those of a block."""

Keep = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Two arrays of positions → a mask of the pairs to compare."""


class NearCells:
    """Rows sorted by the nearest of some of them, and how deep in their cells they look for near ones.

    vectors: unit length. threshold: the cosine of a near pair. sample: the pairs that the recall was
    measured by.
    """

    def __init__(self, vectors: Vectors, threshold: float, progress: Progress = silent) -> None:
        self._vectors, self._threshold = vectors, threshold
        self._farthest = threshold - 1 - 100 * ROUNDING
        present = np.flatnonzero(vectors.present)
        keys = vector_keys(vectors)[present]
        order = np.lexsort(keys.T)  # by hashes of the vectors, so that no order of the rows counts
        distinct = np.append(True, (np.diff(keys[order], axis=0) != 0).any(axis=1))[: len(order)]
        drawn = present[order[distinct]]
        progress(0.0, f"sorting {len(present):,} vectors into cells")
        some = vectors[drawn[:LEARNT]] if len(drawn) else np.zeros((1, vectors.shape[1]))
        directions = directions_of(some, FINE)[:, ::-1]
        centres = vectors[drawn[: max(1, len(present) // CELL)]] @ directions[:, :LEADING]
        self._centres, self._halves = centres, np.square(centres).sum(axis=1) / 2
        plane = np.empty((len(present), directions.shape[1]), dtype=np.float32)
        cell = np.empty(len(present), dtype=np.int64)
        for start in range(0, len(present), BLOCK):
            block = slice(start, start + BLOCK)
            plane[block] = vectors[present[block]] @ directions
            near = plane[block, :LEADING] @ centres.T - self._halves
            cell[block] = near.argmax(axis=1)
        by_cell = np.argsort(cell, kind="stable")
        for start in range(
            0, plane.shape[1], FEW
        ):  # a second table of all would be the largest thing
            plane[:, start : start + FEW] = plane[by_cell, start : start + FEW]
        self._rows, self._cell, self._plane = present[by_cell], cell[by_cell], plane
        self._ends = np.append(0, np.cumsum(np.bincount(cell, minlength=len(centres))))
        blocks = (plane[start : start + BLOCK] for start in range(0, len(plane), BLOCK))
        squares = [np.square(block).sum(axis=1, keepdims=True) / 2 for block in blocks]
        self._squares = np.concatenate([*squares, np.zeros((0, 1), dtype=np.float32)])
        self.sample, self._reach = Sample(), REACHES[-1]
        self._measure(drawn[::-1][:SAMPLE_MOST], progress)

    def pairs(
        self,
        looked: np.ndarray | None = None,
        keep: Keep | None = None,
        least: float | None = None,
        progress: Progress = silent,
    ) -> Iterator[Pairs]:
        """Yield the near pairs of positions, in blocks, seldom one twice.

        looked: a mask; of each pair at least one row is looked at. keep: of which pairs alone.
        least: a lower cosine, from which those pairs are yielded too that were compared on the way.
        """
        mask = np.ones(len(self._rows), dtype=bool) if looked is None else looked[self._rows]
        least = self._threshold if least is None else least
        waiting, count = [NO_PAIRS[:2]], 0
        for i, j in self._candidates(mask, least, progress):
            first, second = self._rows[i], self._rows[j]
            if keep is not None:
                kept = keep(first, second)
                first, second = first[kept], second[kept]
            waiting.append((first, second))
            count += len(first)
            if count >= AT_ONCE:
                yield from self._whole(waiting, least)
                waiting, count = [NO_PAIRS[:2]], 0
        yield from self._whole(waiting, least)

    def _whole(self, waiting: list[tuple[np.ndarray, np.ndarray]], least: float) -> Iterator[Pairs]:
        first, second = (np.concatenate(side) for side in zip(*waiting, strict=True))
        return compared(self._vectors, first, second, least)

    def _measure(self, drawn: np.ndarray, progress: Progress) -> None:
        """Compare some rows with all, and reach as far as it takes to find RECALL of their pairs."""
        needed = [np.zeros(0)]
        place = np.full(len(self._vectors), -1, dtype=np.int64)
        place[self._rows] = others = np.arange(len(self._rows))
        count = 0
        while count < len(drawn) and (count < SAMPLE_LEAST or sum(map(len, needed)) < SAMPLE_PAIRS):
            rows = place[drawn[count : count + SAMPLE_BLOCK]]
            count += len(rows)
            for i, j in self._close(rows, others, self._threshold):
                i, j = i[i != j], j[i != j]
                whole = (self._rows[i], self._rows[j])
                for near in compared(self._vectors, *whole, self._threshold):
                    i, j = place[near.first], place[near.second]
                    needed.append(np.minimum(self._depth(i, j), self._depth(j, i)))
        depth = np.concatenate(needed)
        for reach in REACHES:
            within = depth <= (np.inf if reach == REACHES[-1] else self._deepest(reach))
            self._reach, self.sample = reach, Sample(count, len(depth), int(within.sum()))
            if self.sample.met >= RECALL * len(depth):
                break
        progress(0.0, f"{self._reach:.0%} of the way into other cells: {self.sample.words}")

    def _deepest(self, reach: float) -> float:
        """The distance from the border of another cell up to which a row looks into it."""
        return float(reach * np.sqrt(-2 * self._farthest) / 2 + SLACK)

    def _depth(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The distance of each row from the border between its cell and that of another row."""
        a, b = self._cell[i], self._cell[j]
        between = self._centres[b] - self._centres[a]
        distance = np.sqrt(np.square(between).sum(axis=1))
        along = np.einsum("ij,ij->i", self._plane[i, :LEADING], between)
        return np.asarray(
            (self._halves[b] - self._halves[a] - along) / np.where(distance > 0, distance, 1)
        )

    def _visitors(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each cell, and the rows of others that look into it."""
        reach = self._deepest(self._reach)
        cells = len(self._centres)
        for begin in range(0, cells, SLAB):
            end = min(begin + SLAB, cells)
            visitors, visited = [np.zeros(0, np.int32)], [np.zeros(0, np.int16)]
            for a in range(cells):
                mine = self._plane[self._ends[a] : self._ends[a + 1], :LEADING]
                between = self._centres[begin:end] - self._centres[a]
                distance = np.sqrt(np.square(between).sum(axis=1))
                deepest = self._halves[begin:end] - self._halves[a] - reach * distance
                near = mine @ between.T >= deepest
                if begin <= a < end:
                    near[:, a - begin] = False
                i, j = np.divmod(np.flatnonzero(near.ravel()), end - begin)
                visitors.append((self._ends[a] + i).astype(np.int32))
                visited.append(j.astype(np.int16))
            of = np.concatenate(visited)
            rows = np.concatenate(visitors)[np.argsort(of, kind="stable")]
            ends = np.cumsum(np.bincount(of, minlength=end - begin))[:-1]
            yield from zip(range(begin, end), np.split(rows, ends), strict=True)

    def _candidates(
        self, looked: np.ndarray, least: float, progress: Progress
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs of places among the sorted rows that could be near."""
        reach = self._deepest(self._reach)
        for cell, visitors in self._visitors():
            own = np.arange(self._ends[cell], self._ends[cell + 1])
            new = own[looked[own]]
            for i, j in self._close(new, own, least):
                once = (i < j) | ~looked[j]
                yield i[once], j[once]
            mine = looked[visitors]
            for some, others in ((visitors[mine], own), (visitors[~mine], new)):
                for i, j in self._close(some, others, least):
                    # Where each looks into the cell of the other, the pair comes from one of both.
                    twice = self._cell[i] > cell
                    twice[twice] = self._depth(j[twice], i[twice]) < reach - SLACK
                    yield i[~twice], j[~twice]
            done = int(self._ends[cell + 1])
            progress(done / len(looked), f"{done:,} of {len(looked):,} compared by meaning")

    def _close(
        self, some: np.ndarray, others: np.ndarray, least: float
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the pairs of some places and others whose projections are near, ACROSS² at most at once."""
        for begin in range(0, len(others), ACROSS):
            across = others[begin : begin + ACROSS]
            squares = self._squares[across]
            # The product of a row of both is −half the squared distance of their projections.
            right = np.hstack([self._plane[across], np.ones_like(squares), -squares]).T
            for start in range(0, len(some), ACROSS):
                part = some[start : start + ACROSS]
                squares = self._squares[part]
                product = np.hstack([self._plane[part], -squares, np.ones_like(squares)]) @ right
                near = np.flatnonzero(product.ravel() >= self._farthest)
                if len(near) * MANY > product.size:  # a look at all of them is quicker than at each
                    whole = self._vectors[self._rows[part]], self._vectors[self._rows[across]]
                    near = np.flatnonzero((whole[0] @ whole[1].T).ravel() >= least - 2 * ROUNDING)
                i, j = np.divmod(near, len(across))
                yield part[i], across[j]
