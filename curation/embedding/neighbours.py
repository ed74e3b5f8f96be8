"""The nearest neighbours of vectors, by cosine.

Guarantee: exact up to EXACT_ROWS rows, or EXACT_PAIRS comparisons for other vectors. Above, RECALL
of the true neighbours of a sample are found, and the share is reported: among rows by nearest-neighbour
descent, and where that finds fewer, or for other vectors, in cells of an inverted file, so many as it
takes. The same vectors give the same neighbours on every machine with THREADS processors or more.

Accepted: above the limits a few neighbours in a hundred are not the nearest. All vectors lie in
memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from pickle import UnpicklingError
from typing import Any

import numpy as np

from curation.dataset import Progress, silent

BLOCK = 4_096

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


def without_gaps(vectors: np.ndarray) -> np.ndarray:
    """Vectors with zeros in the place of NaN, so that a row without an embedding is near to nothing."""
    gaps = np.isnan(vectors[:, 0]) if vectors.size else np.zeros(0, dtype=bool)
    return np.where(gaps[:, None], np.float32(0), vectors) if gaps.any() else vectors


def nearest(
    vectors: np.ndarray, k: int, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
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
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    search, recall = _searching(data, k, progress)
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


def _searching(
    data: np.ndarray, k: int, progress: Progress
) -> tuple[Callable[[slice], Neighbours], str]:
    """A function of a block of rows: its k + 1 nearest with each row itself; and the recall in words."""
    if len(data) > EXACT_ROWS:
        progress(0.0, f"descending to the neighbours of {len(data):,} rows")
        graph = _descended(data, k + 1)
        recall = _recall(data, graph)
        if recall >= RECALL:
            text = f", {recall:.1%} of the true neighbours found in a sample"
            return lambda block: _sorted(data, graph, block), text
    index, text = _index(data, k, len(data) <= EXACT_ROWS, progress)
    return lambda block: _looked_up(index, data, data[block], k + 1), text


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
    queries: np.ndarray,
    vectors: np.ndarray,
    k: int,
    progress: Progress = silent,
    recall: float = RECALL,
    some: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k `vectors` nearest to each query, both (queries, k).

    some: positions of the queries that are looked up, in whose order the answer is; all without it.
    Exact up to EXACT_PAIRS comparisons; above, that share of the true neighbours as in `nearest`.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    k, rows = min(k, len(data)), len(queries) if some is None else len(some)
    indices = np.zeros((rows, k), dtype=np.int64)
    similarities = np.zeros((rows, k), dtype=np.float32)
    if k == 0 or rows == 0:
        return indices, similarities
    index, _ = _index(data, k, len(data) * rows <= EXACT_PAIRS, progress, recall)
    for start in range(0, rows, BLOCK):
        block = slice(start, min(rows, start + BLOCK))
        part = queries[block if some is None else some[block]]
        similarities[block], indices[block] = _looked_up(index, data, part, k)
        progress(block.stop / rows, f"{block.stop:,} of {rows:,} looked up")
    return indices, similarities


def _index(
    data: np.ndarray, k: int, exact: bool, progress: Progress, least_recall: float = RECALL
) -> tuple[Any, str]:
    """An index over the rows, all of them or an inverted file (Jégou et al. 2011); its recall in words."""
    import faiss

    rows, width = data.shape
    flat = faiss.IndexFlatIP(width)
    if exact:
        flat.add(data)
        return flat, ""
    progress(0.0, "sorting vectors into cells")
    cells = int(np.sqrt(rows))
    index = faiss.IndexIVFFlat(flat, width, cells, faiss.METRIC_INNER_PRODUCT)
    draw = np.random.default_rng(0)
    index.train(data[np.sort(draw.choice(rows, min(rows, 64 * cells), replace=False))])
    index.add(data)
    sample = data[np.sort(draw.choice(rows, min(rows, SAMPLE), replace=False))]
    # A row equal to the k-th neighbour is as good, so the similarity counts and not the row.
    least = faiss.knn(sample, data, k + 1, metric=faiss.METRIC_INNER_PRODUCT)[0][:, -1:] - 1e-6
    index.nprobe, recall = 2, 0.0
    while recall < least_recall and index.nprobe < cells:
        index.nprobe = min(cells, index.nprobe * 2)
        recall = float((index.search(sample, k + 1)[0] >= least).mean())
        progress(0.0, f"{index.nprobe} of {cells:,} cells find {recall:.1%} of the neighbours")
    return index, f", {recall:.1%} of the true neighbours found in a sample"


def _looked_up(index: Any, data: np.ndarray, queries: np.ndarray, k: int) -> Neighbours:
    """The answer of an index to queries."""
    similarities, rows = index.search(queries, k)
    return _completed(similarities, rows, data, queries)


def _completed(
    similarities: np.ndarray, rows: np.ndarray, data: np.ndarray, queries: np.ndarray
) -> Neighbours:
    """Similarities and rows; exact for queries for which fewer rows were found than wished."""
    import faiss

    short = (rows < 0).any(axis=1)
    if short.any():
        similarities[short], rows[short] = faiss.knn(
            queries[short], data, rows.shape[1], metric=faiss.METRIC_INNER_PRODUCT
        )
    return similarities, rows


def trustworthiness(
    vectors: np.ndarray, plane: np.ndarray, k: int = 15, sample: int = 1_000
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
        similar = vectors[part] @ vectors.T
        similar[np.arange(len(part)), part] = -np.inf
        for similarities, row, others in zip(similar, part, on_map, strict=True):
            others = others[others != row][:k]
            rank = np.array([(similarities > similarities[other]).sum() for other in others]) + 1
            excess += float(np.maximum(rank - k, 0).sum())
    return 1 - 2 * excess / (len(some) * k * (2 * rows - 3 * k - 1))
