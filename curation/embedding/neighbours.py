"""The nearest neighbours of vectors, by cosine.

Guarantee: exact up to EXACT_ROWS rows, or EXACT_PAIRS comparisons for other vectors. Above, RECALL
of the true neighbours of a sample are found, and the share is reported: among rows by nearest-neighbour
descent, and where that finds fewer, or for other vectors, in cells of an inverted file, so many as it
takes. The same vectors give the same neighbours on every machine with THREADS processors or more.

Accepted: above the limits a few neighbours in a hundred are not the nearest. A descent and an inverted
file hold all vectors once in single precision; nothing else holds more than WHOLE of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pickle import UnpicklingError
from typing import Any

import numpy as np

from curation.dataset import Progress, silent
from curation.vectors import Many, Vectors

BLOCK = 4_096

WHOLE = 65_536
"""Vectors that are compared or taken into cells at once, a multiple of faiss's own blocks."""

EXACT_ROWS = 100_000
"""Rows up to which every vector is compared with every other: among more, descent is quicker even with
the 50 processor seconds that the first process compiles it for (benchmarks, neighbours)."""

THREADS = 2
"""Threads of a descent; another number gives other neighbours, so it is not that of the machine."""

EXACT_PAIRS = 10_000_000_000
"""Comparisons up to which `nearest_in` makes them all: about a minute on two cores."""

RECALL = 0.98
"""Share of the true neighbours that a search among more comparisons has to find."""

SAMPLE = 1_000
"""Rows whose true neighbours are computed to measure the recall."""


Neighbours = tuple[np.ndarray, np.ndarray]
"""Similarities and rows, both (queries, k)."""


def without_gaps(vectors: Many) -> Many:
    """Vectors with zeros in the place of NaN, so that a row without an embedding is near to nothing.

    Those of up to EXACT_ROWS rows are one array.
    """
    if isinstance(vectors, Vectors):
        vectors = replace(vectors, gap=0.0)
        return vectors if len(vectors) > EXACT_ROWS else vectors[:]
    gaps = np.isnan(vectors[:, 0]) if vectors.size else np.zeros(0, dtype=bool)
    return np.where(gaps[:, None], np.float32(0), vectors) if gaps.any() else vectors


def nearest(vectors: Many, k: int, progress: Progress = silent) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k nearest others of each row, both (rows, k).

    Exact up to EXACT_ROWS rows; above, by nearest-neighbour descent (Dong et al. 2011, pynndescent),
    or where that finds less than RECALL of the true neighbours of a sample, by an inverted file; the
    progress text has the share.
    """
    rows = len(vectors)
    k = max(0, min(k, rows - 1))
    indices = np.zeros((rows, k), dtype=np.int32)
    similarities = np.zeros((rows, k), dtype=np.float32)
    if k == 0:
        return indices, similarities
    search, recall = _searching(vectors, k, progress)
    for start in range(0, rows, BLOCK):
        block = slice(start, min(rows, start + BLOCK))
        near_similarities, near_rows = search(block)
        own = near_rows == np.arange(block.start, block.stop)[:, None]
        # Where an equal vector took a row's own place, the last one is left out instead.
        own[~own.any(axis=1), -1] = True
        indices[block] = near_rows[~own].reshape(len(own), k)
        similarities[block] = near_similarities[~own].reshape(len(own), k)
        progress(block.stop / rows, f"{block.stop:,} of {rows:,} neighbourhoods{recall}")
    return indices, similarities


Search = Callable[[slice], Neighbours]
"""A function of a block of rows: the nearest of each, with the row itself."""


def _searching(vectors: Many, k: int, progress: Progress) -> tuple[Search, str]:
    """A search for the k + 1 nearest, and its recall in words."""
    if len(vectors) > EXACT_ROWS:
        progress(0.0, f"descending to the neighbours of {len(vectors):,} rows")
        search, recall = _descending(vectors, k)
        if search is not None:
            return search, f", {recall:.1%} of the true neighbours found in a sample"
    data = _at_hand(vectors)
    index, text = _index(data, k, len(data) <= EXACT_ROWS, progress)
    return lambda block: _looked_up(index, data, _single(data[block]), k + 1), text


def _at_hand(vectors: Many) -> Many:
    """The vectors as one array where that is small."""
    return vectors if len(vectors) > EXACT_ROWS else _single(vectors)


def _single(vectors: Many) -> np.ndarray:
    """The vectors as one array in single precision."""
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _descending(vectors: Many, k: int) -> tuple[Search | None, float]:
    """A search by descent, none where its recall is below RECALL, and that recall."""
    data = _single(vectors)
    graph = _descended(data, k + 1)
    recall = _recall(data, graph)
    return None if recall < RECALL else (lambda block: _sorted(data, graph, block)), recall


def _sorted(data: np.ndarray, graph: np.ndarray, block: slice) -> Neighbours:
    """The neighbours of a block of rows, the most similar first."""
    rows = graph[block]
    similarities = np.einsum("rd,rkd->rk", data[block], data[rows])
    order = np.argsort(-similarities, axis=1, kind="stable")
    similarities = np.take_along_axis(similarities, order, axis=1)
    return _completed(similarities, np.take_along_axis(rows, order, axis=1), data, data[block])


def _recall(data: np.ndarray, graph: np.ndarray) -> float:
    """The share of true neighbours in a graph of them, (rows, k), by a sample."""
    import faiss

    sample = np.random.default_rng(0).choice(len(data), min(len(data), SAMPLE), replace=False)
    true = faiss.knn(data[sample], data, graph.shape[1], metric=faiss.METRIC_INNER_PRODUCT)[0]
    similar = np.einsum("rd,rkd->rk", data[sample], data[graph[sample]])
    # A row equal to the k-th neighbour is as good, so the similarity counts and not the row.
    near = (similar >= true[:, -1:] - 1e-6) & (graph[sample] >= 0)
    return float(near.mean())


def _descended(data: np.ndarray, count: int) -> np.ndarray:
    """The rows nearest to each row, itself among them, (rows, count); -1 where one is missing."""
    import numba
    from numba.core.caching import NullCache
    from pynndescent import NNDescent

    functions = _kept_when_compiled()
    settings = {"metric": "dot", "n_neighbors": count, "random_state": 0, "compressed": False}
    settings["n_jobs"] = min(THREADS, numba.get_num_threads())
    try:
        graph = NNDescent(data, **settings)
    except (OSError, EOFError, UnpicklingError):  # what was kept is damaged, or the disk is full
        for function in functions:
            function._cache = NullCache()
        graph = NNDescent(data, **settings)
    return np.asarray(graph.neighbor_graph[0][:, :count])


@functools.cache
def _kept_when_compiled() -> list[Any]:
    """The functions of pynndescent that numba keeps for the next process, where that works.

    Most of them take the function of the metric. Numba knows such a function in another process by its
    name alone, so it gets a name that stays while the version does.
    """
    import pynndescent
    from numba.core.dispatcher import Dispatcher
    from pynndescent import distances, pynndescent_, rp_trees, utils

    named: dict[str, Any] = {
        f"{value.__module__}.{name}": value
        for module in (distances, utils, rp_trees, pynndescent_)
        for name, value in vars(module).items()
        if isinstance(value, Dispatcher) and name not in ("nn_descent", "nn_descent_internal")
    }
    for name, function in named.items():
        with suppress(AssertionError, AttributeError):  # it has a name, or numba gives none
            function._set_uuid(f"pynndescent {pynndescent.__version__} {name}")
        with suppress(AttributeError, RuntimeError):  # there is no folder to write to
            function.enable_caching()
    return list(named.values())


def nearest_in(
    queries: Many,
    vectors: Many,
    k: int,
    progress: Progress = silent,
    recall: float = RECALL,
    some: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k `vectors` nearest to each query, both (queries, k).

    some: positions of the queries that are looked up, in whose order the answer is; all without it.
    Exact up to EXACT_PAIRS comparisons; above, that share of the true neighbours as in `nearest`.
    """
    data = _at_hand(vectors)
    k, rows = min(k, len(data)), len(queries) if some is None else len(some)
    indices = np.zeros((rows, k), dtype=np.int64)
    similarities = np.zeros((rows, k), dtype=np.float32)
    if k == 0 or rows == 0:
        return indices, similarities
    index, _ = _index(data, k, len(data) * rows <= EXACT_PAIRS, progress, recall)
    for start in range(0, rows, BLOCK):
        block = slice(start, min(rows, start + BLOCK))
        part = queries[block if some is None else some[block]]
        similarities[block], indices[block] = _looked_up(index, data, _single(part), k)
        progress(block.stop / rows, f"{block.stop:,} of {rows:,} looked up")
    return indices, similarities


def _index(
    data: Many, k: int, exact: bool, progress: Progress, least_recall: float = RECALL
) -> tuple[Any, str]:
    """An index over the rows, all of them or an inverted file (Jégou et al. 2011); its recall in words."""
    import faiss

    rows, width = data.shape
    flat = faiss.IndexFlatIP(width)
    if exact and len(data) > EXACT_ROWS:
        return _Whole(data), ""
    if exact:
        flat.add(_single(data))
        return flat, ""
    progress(0.0, "sorting vectors into cells")
    cells = int(np.sqrt(rows))
    index = faiss.IndexIVFFlat(flat, width, cells, faiss.METRIC_INNER_PRODUCT)
    draw = np.random.default_rng(0)
    index.train(_single(data[np.sort(draw.choice(rows, min(rows, 64 * cells), replace=False))]))
    for start in range(0, rows, WHOLE):
        index.add(_single(data[start : start + WHOLE]))
    sample = _single(data[np.sort(draw.choice(rows, min(rows, SAMPLE), replace=False))])
    # A row equal to the k-th neighbour is as good, so the similarity counts and not the row.
    least = _Whole(data).search(sample, k + 1)[0][:, -1:] - 1e-6
    index.nprobe, recall = 2, 0.0
    while recall < least_recall and index.nprobe < cells:
        index.nprobe = min(cells, index.nprobe * 2)
        recall = float((index.search(sample, k + 1)[0] >= least).mean())
        progress(0.0, f"{index.nprobe} of {cells:,} cells find {recall:.1%} of the neighbours")
    return index, f", {recall:.1%} of the true neighbours found in a sample"


@dataclass(frozen=True)
class _Whole:
    """A search among all of some vectors, WHOLE of them at once."""

    data: Many

    def search(self, queries: np.ndarray, k: int) -> Neighbours:
        """Similarities and rows of the k nearest to each query; of equal ones the first rows."""
        import faiss

        similarities = np.zeros((len(queries), 0), dtype=np.float32)
        rows = np.zeros((len(queries), 0), dtype=np.int64)
        for start in range(0, len(self.data), WHOLE):
            part = _single(self.data[start : start + WHOLE])
            near = faiss.knn(queries, part, min(k, len(part)), metric=faiss.METRIC_INNER_PRODUCT)
            similarities = np.hstack([similarities, near[0]])
            rows = np.hstack([rows, near[1] + start])
            order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
            similarities = np.take_along_axis(similarities, order, axis=1)
            rows = np.take_along_axis(rows, order, axis=1)
        return similarities, rows


def _looked_up(index: Any, data: Many, queries: np.ndarray, k: int) -> Neighbours:
    """The answer of an index to queries."""
    similarities, rows = index.search(queries, k)
    return _completed(similarities, rows, data, queries)


def _completed(
    similarities: np.ndarray, rows: np.ndarray, data: Many, queries: np.ndarray
) -> Neighbours:
    """Similarities and rows; exact for queries for which fewer rows were found than wished."""
    short = (rows < 0).any(axis=1)
    if short.any():
        similarities[short], rows[short] = _Whole(data).search(queries[short], rows.shape[1])
    return similarities, rows


def trustworthiness(
    vectors: np.ndarray | Vectors, plane: np.ndarray, k: int = 15, sample: int = 1_000
) -> float:
    """The trustworthiness of a map, (rows, 2): 1 if all neighbours on it are neighbours by vector.

    Venna and Kaski (2001), by cosine, over a random part of the rows against all of them.
    """
    from scipy.spatial import cKDTree

    rows = len(vectors)
    k = min(k, (rows - 1) // 2)
    if k < 1:
        return 1.0
    some = np.sort(np.random.default_rng(0).choice(rows, min(rows, sample), replace=False))
    _, near = cKDTree(plane).query(plane[some], k + 1)
    excess = 0.0
    for start in range(0, len(some), 100):
        part, on_map = some[start : start + 100], near[start : start + 100]
        similar = np.ascontiguousarray((vectors @ vectors[part].T).T)
        similar[np.arange(len(part)), part] = -np.inf
        for similarities, row, others in zip(similar, part, on_map, strict=True):
            others = others[others != row][:k]
            rank = np.array([(similarities > similarities[other]).sum() for other in others]) + 1
            excess += float(np.maximum(rank - k, 0).sum())
    return 1 - 2 * excess / (len(some) * k * (2 * rows - 3 * k - 1))
