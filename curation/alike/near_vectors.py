"""Rows of nearly the same meaning: the pairs of rows whose vectors are near.

Guarantee: no pair that reaches a threshold is missed where the neighbours are exact, nor by
`all_near_pairs`; pairs of two clusters are missed by `by_clusters`, and all but the nearest of each
row by `by_nearest`. Accepted: rows that are near to
more than WIDTH others are compared with every row that stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from curation.alike.compared import Compared
from curation.alike.cutting import ROUNDING, More, Nearby
from curation.alike.pairs import NO_PAIRS, Pairs, joined
from curation.alike.sets import first_of, numbered, vector_keys
from curation.dataset import Progress, silent
from curation.vectors import Many, Vectors, some_of

BLOCK = 1_024
"""Rows that are compared at once."""

CELLS = 50_000_000
"""Cosines that are computed at once: 200 MB."""

PAIRS = 8_192
"""Pairs that are compared whole at once, so that their vectors stay in the processor's cache."""

WIDTH = 50
"""Neighbours of each row that are looked at first; the map and a selection share them."""


Neighbours = Callable[..., tuple[np.ndarray, np.ndarray]]
"""A function of k and of positions; see `curation.registry.INPUTS`."""


def by_neighbours(
    vectors: Many, neighbours: Neighbours, within: np.ndarray | None = None
) -> tuple[Nearby, More]:
    """Rows with the pairs of each and its WIDTH nearest, and what finds more of the rows that stay.

    Rows with equal vectors are one class. within: a value for each row; rows with different values
    are not near.
    """
    codes, first = _codes(vectors, within)
    some = () if len(first) == len(vectors) else (first,)
    indices, cosines = neighbours(WIDTH, *some)
    rows = np.repeat(np.arange(len(first)), indices.shape[1])
    pairs = _ordered(rows, indices.ravel().astype(np.int64), cosines.ravel())
    # Two rows that are neighbours of each other are listed by both.
    _, once = np.unique(pairs.first * len(first) + pairs.second, return_index=True)
    pairs = Pairs(*(values[once] for values in pairs))
    width = indices.shape[1]
    full = cosines[:, -1].astype(float) if 0 < width < len(first) - 1 else np.zeros(len(first))
    part = None if within is None else within[first]

    def more(order: np.ndarray, doubtful: np.ndarray, threshold: float) -> Pairs:
        blocks = vector_pairs(some_of(vectors, first), threshold, doubtful, order)
        return joined(_inside(pairs, part) for pairs in blocks)

    return Nearby(codes, _inside(pairs, part), full), more


def by_nearest(vectors: Many, neighbours: Neighbours, within: np.ndarray | None = None) -> Nearby:
    """Rows with the pairs of which each row is the other's nearest.

    A rewording lies no nearer than many rows of one theme do, but nothing else lies between the two.
    within: see `by_neighbours`; the nearest with the same value is sought among the WIDTH nearest.
    """
    codes, first = _codes(vectors, within)
    some = () if len(first) == len(vectors) else (first,)
    indices, cosines = neighbours(WIDTH, *some)
    own = np.arange(len(first))
    if not indices.shape[1]:
        return Nearby(codes, NO_PAIRS, np.zeros(len(first)))
    part = np.zeros(len(first)) if within is None else within[first]
    same = part[indices] == part[:, None]
    place = same.argmax(axis=1)
    best = np.where(same.any(axis=1), indices[own, place].astype(np.int64), own)
    mutual = own[(best[best] == own) & (own < best)]
    pairs = _ordered(mutual, best[mutual], cosines[mutual, place[mutual]])
    return Nearby(codes, pairs, np.zeros(len(first)))


Compare = Literal["neighbours", "clusters", "nearest"]


def similarly(
    vectors: Many,
    neighbours: Neighbours,
    within: Sequence[str] | pd.Series | None,
    compare: Compare,
    threshold: float,
) -> Compared:
    """Rows by their vectors, with no word on what they ask; see the functions by their names."""
    part = None if within is None else pd.factorize(np.asarray(within))[0]
    more = None
    if compare == "clusters":
        nearby = by_clusters(vectors, threshold, part)
    elif compare == "nearest":
        nearby = by_nearest(vectors, neighbours, part)
    else:
        nearby, more = by_neighbours(vectors, neighbours, part)
    unread = np.full(len(vectors), -1)
    return Compared(nearby, unread, unread, more=more)


def parts_of(nearby: Nearby) -> np.ndarray:
    """The number of each row's part, (rows,): no chain of pairs leads from one part to another.

    Of the pairs of `by_clusters` and `by_nearest` those are near that reach the threshold in one part.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    classes, (first, second, _) = len(nearby.full), nearby.pairs
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(classes, classes))
    return np.asarray(connected_components(graph, directed=False)[1][nearby.codes])


CLUSTER = 1_000
"""Rows of a cluster on average; its pairs are compared at once."""


def by_clusters(vectors: Many, threshold: float, within: np.ndarray | None = None) -> Nearby:
    """Rows with the near pairs inside clusters by k-means: SemDeDup (Abbas et al. 2023).

    A pair of two clusters is missed. within: see `by_neighbours`.
    """
    import faiss

    codes, first = _codes(vectors, within)
    data = np.ascontiguousarray(vectors[first], dtype=np.float32)
    count = max(1, len(data) // CLUSTER)
    near = [NO_PAIRS]
    if len(data):
        means = faiss.Kmeans(data.shape[1], count, niter=20, seed=0, spherical=True)
        means.train(data)
        cluster = means.index.search(data, 1)[1][:, 0]
        order = np.argsort(cluster, kind="stable")
        for some in np.split(order, np.cumsum(np.bincount(cluster, minlength=count))[:-1]):
            near += vector_pairs(data, threshold, some, some)
    part = None if within is None else within[first]
    return Nearby(codes, _inside(joined(near), part), np.zeros(len(first)))


def _codes(vectors: Many, within: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The class of each row, of those with equal vectors and values, and the first of each class.

    A row without a vector, whose vector is zero, is a class of its own.
    """
    some = Vectors.of(vectors).each(lambda block: np.asarray(block.any(axis=1)))
    own = np.where(some, -1, np.arange(len(vectors)))
    columns = [*vector_keys(vectors).T, own, *([] if within is None else [within])]
    codes = numbered(*columns)
    return codes, first_of(codes)


def _inside(pairs: Pairs, within: np.ndarray | None) -> Pairs:
    """The pairs of rows with one value."""
    return pairs if within is None else pairs.where(within[pairs.first] == within[pairs.second])


def neighbour_pairs(
    vectors: np.ndarray | Vectors,
    neighbours: Callable[..., tuple[np.ndarray, np.ndarray]],
    threshold: float,
) -> Iterator[Pairs]:
    """Yield the pairs of rows whose cosine reaches a threshold, in blocks.

    neighbours: a function of k; see `curation.registry.INPUTS`. A row whose WIDTH neighbours are all
    that near is compared with every row.
    """
    indices, cosines = neighbours(WIDTH)
    near = cosines >= threshold - ROUNDING
    first, place = np.nonzero(near)
    second = indices[first, place].astype(np.int64)
    yield _ordered(first, second, cosines[first, place])
    full = np.flatnonzero(near.all(axis=1)) if near.shape[1] else np.zeros(0, dtype=int)
    if len(full) and near.shape[1] < len(vectors) - 1:
        yield from vector_pairs(vectors, threshold, full, np.arange(len(vectors)))


def vector_pairs(
    vectors: Many,
    threshold: float,
    some: np.ndarray,
    others: np.ndarray,
    progress: Progress = silent,
) -> Iterator[Pairs]:
    """Yield the pairs of one of some rows and one of the others whose cosine reaches a threshold.

    Where both are the same array each pair is yielded once.
    """
    data, size = vectors[others], max(1, min(BLOCK, CELLS // max(1, len(others))))
    for start in range(0, len(some), size):
        block = some[start : start + size]
        cosines = vectors[block] @ data.T
        i, j = np.nonzero(cosines >= threshold - ROUNDING)
        different = block[i] < others[j] if some is others else block[i] != others[j]
        i, j = i[different], j[different]
        yield _ordered(block[i], others[j], cosines[i, j])
        done = start + len(block)
        progress(done / len(some), f"{done:,} of {len(some):,} compared by meaning")


LEADING = 32
"""Principal components that are compared first, of vectors of more than twice as many."""

LEARNT = 20_000
"""Rows that the components are learnt from."""

ACROSS = 2_048
"""Rows that a block is compared with at once, so that the products stay in the processor's cache."""

CELL = 2_000
"""Rows on average that lie nearest to one of those that cut the space into cells."""

SLACK = 1e-4
"""Error of a product of projections, and more."""

MANY = 100
"""One pair in so many may be left by the components; where more are, all of a block are compared."""


def all_near_pairs(
    vectors: np.ndarray, threshold: float, progress: Progress = silent
) -> Iterator[Pairs]:
    """Yield every pair of rows whose cosine reaches a threshold, in blocks, whatever their number.

    vectors: unit length, (rows, width); a row of NaN or zeros is near to none. Two vectors are at
    least as far from each other as their projections on some directions, so few pairs of the full
    width are left where LEADING directions are compared first, at a twelfth of the work.
    """
    present = np.flatnonzero(np.isfinite(vectors[:, 0]) & vectors.any(axis=1))
    if vectors.shape[1] <= 2 * LEADING:
        yield from vector_pairs(vectors, threshold, present, present, progress)
        return
    draw = np.random.default_rng(0)
    some = vectors[np.sort(draw.permutation(present)[:LEARNT])]
    plane = vectors[present] @ directions_of(some, LEADING)
    farthest = threshold - 1 - 100 * ROUNDING
    cells, centres = _cells(plane)
    plane, ends = plane[np.concatenate(cells)], np.append(0, np.cumsum([len(c) for c in cells]))
    parts = [plane[begin:end] for begin, end in zip(ends, ends[1:], strict=False)]
    widest = np.sqrt(-2 * farthest)
    for a, rows in enumerate(cells):
        yield from _near_cells(vectors, present, (rows, rows), (parts[a], parts[a]), threshold)
        for b in range(a + 1, len(cells)):
            between = centres[b] - centres[a]
            # Two rows on both sides of the plane amid two centres are no nearer than it is to each.
            middle = between @ (centres[a] + centres[b]) / 2
            reach = widest * np.sqrt(between @ between) + SLACK
            mine, others = (
                parts[a] @ between >= middle - reach,
                parts[b] @ between <= middle + reach,
            )
            if mine.any() and others.any():
                pair = rows[mine], cells[b][others]
                planes = parts[a][mine], parts[b][others]
                yield from _near_cells(vectors, present, pair, planes, threshold)
        done = int(ends[a + 1])
        progress(done / len(present), f"{done:,} of {len(present):,} compared by meaning")


def _cells(plane: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The rows nearest to each of some of them, and these; about CELL rows each."""
    draw = np.random.default_rng(0)
    count = max(1, len(plane) // CELL)
    centres = plane[np.sort(draw.permutation(len(plane))[:count])]
    halves = np.square(centres).sum(axis=1) / 2
    nearest = [
        np.argmax(plane[start : start + BLOCK] @ centres.T - halves, axis=1)
        for start in range(0, len(plane), BLOCK)
    ]
    cell = np.concatenate([*nearest, np.zeros(0, dtype=np.int64)])
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.cumsum(np.bincount(cell, minlength=count))[:-1]), centres


def _near_cells(
    vectors: np.ndarray,
    present: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray],
    planes: tuple[np.ndarray, np.ndarray],
    threshold: float,
) -> Iterator[Pairs]:
    """Yield the pairs of a row of one cell and one of another that are near; of one cell each once."""
    farthest, once = threshold - 1 - 100 * ROUNDING, cells[0] is cells[1]
    halves = [np.square(plane).sum(axis=1, keepdims=True) / 2 for plane in planes]
    # The product of a row of both is −half the squared distance of their projections.
    left = np.hstack([planes[0], -halves[0], np.ones_like(halves[0])])
    right = np.hstack([planes[1], np.ones_like(halves[1]), -halves[1]]).T
    for start in range(0, len(cells[0]), BLOCK):
        rows = slice(start, start + BLOCK)
        for begin in range(start if once else 0, len(cells[1]), ACROSS):
            columns = slice(begin, begin + ACROSS)
            product = left[rows] @ right[:, columns]
            near = np.flatnonzero(product.ravel() >= farthest)
            if len(near) * MANY > product.size:  # a look at all of them is quicker than at each
                product = vectors[present[cells[0][rows]]] @ vectors[present[cells[1][columns]]].T
                near = np.flatnonzero(product.ravel() >= threshold - ROUNDING)
            i, j = np.divmod(near, product.shape[1])
            i, j = start + i, begin + j
            if once:
                i, j = i[i < j], j[i < j]
            yield from compared(vectors, present[cells[0][i]], present[cells[1][j]], threshold)


def directions_of(some: np.ndarray, count: int) -> np.ndarray:
    """The principal directions of some vectors, (width, count), orthonormal, the leading one last."""
    some = some.astype(np.float64)
    spread = some - some.mean(axis=0)
    return np.asarray(np.linalg.eigh(spread.T @ spread)[1][:, -count:], dtype=np.float32)


def compared(
    vectors: np.ndarray | Vectors, first: np.ndarray, second: np.ndarray, threshold: float
) -> Iterator[Pairs]:
    """Yield the pairs of some positions whose cosine reaches a threshold."""
    for start in range(0, len(first), PAIRS):
        i, j = (side[start : start + PAIRS] for side in (first, second))
        cosines = np.einsum("ij,ij->i", vectors[i], vectors[j])
        near = cosines >= threshold - ROUNDING
        yield _ordered(i[near], j[near], cosines[near])


def _ordered(first: np.ndarray, second: np.ndarray, cosines: np.ndarray) -> Pairs:
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    return Pairs(lower, upper, np.minimum(cosines, 1.0))
