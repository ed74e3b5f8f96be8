"""Which vectors lie nearest to each."""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.dataset import Progress, silent

BLOCK = 4_096

EXACT_ROWS = 200_000
"""Rows up to which every vector is compared with every other; above, that would take hours."""

EXACT_PAIRS = 10_000_000_000
"""Comparisons that are made one by one where others are looked up: about a minute on two cores."""

RECALL = 0.98
"""Share of the true neighbours that the search among more rows has to find."""

SAMPLE = 1_000
"""Rows whose true neighbours are computed to measure it."""


def nearest(
    vectors: np.ndarray, k: int, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k nearest others of each row, both (rows, k).

    Exact up to EXACT_ROWS rows; above, an inverted file (Jégou et al. 2011) that looks into as many
    cells as find RECALL of the true neighbours of a sample; the progress text says what was measured.
    """
    rows = len(vectors)
    k = max(0, min(k, rows - 1))
    indices = np.zeros((rows, k), dtype=np.int32)
    similarities = np.zeros((rows, k), dtype=np.float32)
    if k == 0:
        return indices, similarities
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    index, how = _index(data, k, rows <= EXACT_ROWS, progress)
    for at in range(0, rows, BLOCK):
        found, who = _search(index, data, data[at : at + BLOCK], k + 1)
        own = who == np.arange(at, at + len(who))[:, None]
        own[~own.any(axis=1), -1] = True  # a twin took its place: leave out the last instead
        indices[at : at + len(who)] = who[~own].reshape(len(who), k)
        similarities[at : at + len(who)] = found[~own].reshape(len(who), k)
        done = min(rows, at + BLOCK)
        progress(done / rows, f"{done:,} of {rows:,} neighbourhoods{how}")
    return indices, similarities


def nearest_in(
    asked: np.ndarray,
    vectors: np.ndarray,
    k: int,
    progress: Progress = silent,
    recall: float = RECALL,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k of `vectors` nearest to each of `asked`, (asked, k).

    Exact up to EXACT_PAIRS comparisons; above, that share of the true neighbours as in `nearest`.
    """
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    queries = np.ascontiguousarray(asked, dtype=np.float32)
    k = min(k, len(data))
    indices = np.zeros((len(queries), k), dtype=np.int64)
    similarities = np.zeros((len(queries), k), dtype=np.float32)
    if k == 0 or len(queries) == 0:
        return indices, similarities
    index, _ = _index(data, k, len(data) * len(queries) <= EXACT_PAIRS, progress, recall)
    for at in range(0, len(queries), BLOCK):
        found, who = _search(index, data, queries[at : at + BLOCK], k)
        indices[at : at + len(who)], similarities[at : at + len(who)] = who, found
        done = min(len(queries), at + BLOCK)
        progress(done / len(queries), f"{done:,} of {len(queries):,} looked up")
    return indices, similarities


def _index(
    data: np.ndarray, k: int, exact: bool, progress: Progress, wanted: float = RECALL
) -> tuple[Any, str]:
    """An index over the rows, and in words how true its answers are; nothing where they are exact."""
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
    asked = data[np.sort(draw.choice(rows, min(rows, SAMPLE), replace=False))]
    # A twin of the k-th is as good as it, so what counts is the similarity and not the row.
    least = faiss.knn(asked, data, k + 1, metric=faiss.METRIC_INNER_PRODUCT)[0][:, -1:] - 1e-6
    index.nprobe, recall = 2, 0.0
    while recall < wanted and index.nprobe < cells:
        index.nprobe = min(cells, index.nprobe * 2)
        recall = float((index.search(asked, k + 1)[0] >= least).mean())
        progress(0.0, f"{index.nprobe} of {cells:,} cells find {recall:.1%} of the neighbours")
    return index, f", {recall:.1%} of the true neighbours found in a sample"


def _search(
    index: Any, data: np.ndarray, asked: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Similarities and rows; exact for those whose cells hold fewer than k rows."""
    import faiss

    found, who = index.search(asked, k)
    short = (who < 0).any(axis=1)
    if short.any():
        found[short], who[short] = faiss.knn(
            asked[short], data, k, metric=faiss.METRIC_INNER_PRODUCT
        )
    return found, who


def trustworthiness(
    vectors: np.ndarray, plane: np.ndarray, k: int = 15, sample: int = 1_000
) -> float:
    """How far neighbours on a map, (rows, 2), are neighbours among the vectors: 1 is wholly.

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
    for at in range(0, len(some), 100):
        part, mine = some[at : at + 100], near[at : at + 100]
        likeness = vectors[part] @ vectors.T
        likeness[np.arange(len(part)), part] = -np.inf
        for one, row, others in zip(likeness, part, mine, strict=True):
            others = others[others != row][:k]
            rank = np.array([(one > one[other]).sum() for other in others]) + 1
            excess += float(np.maximum(rank - k, 0).sum())
    return 1 - 2 * excess / (len(some) * k * (2 * rows - 3 * k - 1))
