"""Which vectors lie nearest to each."""

from __future__ import annotations

import numpy as np

from curation.dataset import Progress, silent

BLOCK = 4_096


def nearest(
    vectors: np.ndarray, k: int, progress: Progress = silent
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and cosine similarities of the k nearest others of each row, both (rows, k)."""
    import faiss

    rows = len(vectors)
    k = max(0, min(k, rows - 1))
    indices = np.zeros((rows, k), dtype=np.int32)
    similarities = np.zeros((rows, k), dtype=np.float32)
    if k == 0:
        return indices, similarities
    data = np.ascontiguousarray(vectors, dtype=np.float32)
    index = faiss.IndexFlatIP(data.shape[1])
    index.add(data)
    for at in range(0, rows, BLOCK):
        found, who = index.search(data[at : at + BLOCK], k + 1)
        own = who == np.arange(at, at + len(who))[:, None]
        own[~own.any(axis=1), -1] = True  # a twin took its place: leave out the last instead
        indices[at : at + len(who)] = who[~own].reshape(len(who), k)
        similarities[at : at + len(who)] = found[~own].reshape(len(who), k)
        progress(
            min(1.0, (at + BLOCK) / rows), f"{min(rows, at + BLOCK):,} of {rows:,} neighbourhoods"
        )
    return indices, similarities
