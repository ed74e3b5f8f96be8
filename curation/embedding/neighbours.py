"""The nearest neighbours of vectors, by cosine.

Guarantee: exact up to EXACT_ROWS rows, or EXACT_PAIRS comparisons for other vectors. Above, the index
searches so many cells that it finds RECALL of the true neighbours of a sample, and reports that
share.

Accepted: above the limits a few neighbours in a hundred are not the nearest. All vectors lie in
memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.dataset import Progress, silent

BLOCK = 4_096

EXACT_ROWS = 200_000
"""Rows up to which every vector is compared with every other; above, that would take hours."""

EXACT_PAIRS = 10_000_000_000
"""Comparisons up to which `nearest_in` makes them all: about a minute on two cores."""

RECALL = 0.98
"""Share of the true neighbours that the search among more rows has to find."""

SAMPLE = 1_000
"""Rows whose true neighbours are computed to measure the recall."""


def without_gaps(vectors: np.ndarray) -> np.ndarray:
    """Vectors with zeros in the place of NaN, so that a row without an embedding is near to nothing."""
    gaps = np.isnan(vectors[:, 0]) if vectors.size else np.zeros(0, dtype=bool)
    return np.where(gaps[:, None], np.float32(0), vectors) if gaps.any() else vectors


def nearest(
    vectors: np.ndarray, k: int, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k nearest others of each row, both (rows, k).

    Exact up to EXACT_ROWS rows; above, an inverted file (Jégou et al. 2011) that searches so many
    cells that it finds RECALL of the true neighbours of a sample; the progress text has the recall.
    """
    rows = len(vectors)
    k = max(0, min(k, rows - 1))
    indices = np.zeros((rows, k), dtype=np.int32)
    similarities = np.zeros((rows, k), dtype=np.float32)
    if k == 0:
        return indices, similarities
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    index, recall = _index(data, k, rows <= EXACT_ROWS, progress)
    for start in range(0, rows, BLOCK):
        block = slice(start, min(rows, start + BLOCK))
        near_similarities, near_rows = _search(index, data, data[block], k + 1)
        own = near_rows == np.arange(block.start, block.stop)[:, None]
        # Where an equal vector took a row's own place, the last one is left out instead.
        own[~own.any(axis=1), -1] = True
        indices[block] = near_rows[~own].reshape(len(own), k)
        similarities[block] = near_similarities[~own].reshape(len(own), k)
        progress(block.stop / rows, f"{block.stop:,} of {rows:,} neighbourhoods{recall}")
    return indices, similarities


def nearest_in(
    queries: np.ndarray,
    vectors: np.ndarray,
    k: int,
    progress: Progress = silent,
    recall: float = RECALL,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k `vectors` nearest to each query, both (queries, k).

    Exact up to EXACT_PAIRS comparisons; above, that share of the true neighbours as in `nearest`.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    k = min(k, len(data))
    indices = np.zeros((len(queries), k), dtype=np.int64)
    similarities = np.zeros((len(queries), k), dtype=np.float32)
    if k == 0 or len(queries) == 0:
        return indices, similarities
    index, _ = _index(data, k, len(data) * len(queries) <= EXACT_PAIRS, progress, recall)
    for start in range(0, len(queries), BLOCK):
        block = slice(start, min(len(queries), start + BLOCK))
        similarities[block], indices[block] = _search(index, data, queries[block], k)
        progress(block.stop / len(queries), f"{block.stop:,} of {len(queries):,} looked up")
    return indices, similarities


def _index(
    data: np.ndarray, k: int, exact: bool, progress: Progress, least_recall: float = RECALL
) -> tuple[Any, str]:
    """An index over the rows, and the recall of its answers in words; empty where it is exact."""
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


def _search(
    index: Any, data: np.ndarray, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Similarities and rows; exact for queries whose cells hold fewer than k rows."""
    import faiss

    similarities, rows = index.search(queries, k)
    short = (rows < 0).any(axis=1)
    if short.any():
        similarities[short], rows[short] = faiss.knn(
            queries[short], data, k, metric=faiss.METRIC_INNER_PRODUCT
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
