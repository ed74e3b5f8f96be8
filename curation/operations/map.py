"""Vectors to a picture."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Annotated

import numpy as np
import pandas as pd

from curation.dataset import Progress
from curation.registry import Range, score

Neighbours = Callable[[int], tuple[np.ndarray, np.ndarray]]
SMALL = 20
"""Rows below which a neighbourhood graph says nothing; the two main directions are drawn instead."""


@score("Map", makes=("map_x", "map_y"), slow=True)
def project_map(
    rows: pd.DataFrame,
    vectors: np.ndarray,
    neighbours: Neighbours,
    progress: Progress,
    *,
    neighbourhood: Annotated[
        int, "neighbours that shape the map: few for detail, many for the whole", Range(2, 200)
    ] = 15,
    min_dist: Annotated[
        float, "how close points may lie: small for tight clumps", Range(0, 0.99, 0.05)
    ] = 0.1,
    seed: Annotated[int, "the same seed gives the same map", Range(0, 2**31 - 1)] = 0,
) -> pd.DataFrame:
    """Place examples on a plane so that those that mean alike lie together.

    UMAP (McInnes et al. 2018) from exact neighbours, started from the two main directions (PCA).
    The seed makes it repeatable, which costs its second core. Coordinates have no unit.
    """
    if len(rows) == 0:
        return pd.DataFrame({"map_x": np.zeros(0), "map_y": np.zeros(0)}, index=rows.index)
    plane = _main_directions(vectors)
    if len(rows) >= SMALL:
        plane = _umap(
            vectors, neighbours, plane, min(neighbourhood, len(rows) - 1), min_dist, seed, progress
        )
    centred = plane - plane.mean(axis=0)
    return pd.DataFrame(
        {"map_x": centred[:, 0].astype("float64"), "map_y": centred[:, 1].astype("float64")},
        index=rows.index,
    )


def _main_directions(vectors: np.ndarray) -> np.ndarray:
    """Positions along the two directions of greatest spread, (rows, 2); signs fixed."""
    centred = vectors - vectors.mean(axis=0)
    covariance = (centred.T @ centred).astype(np.float64)
    _, directions = np.linalg.eigh(covariance)
    top = directions[:, ::-1][:, :2]
    top = top * np.where(top[np.abs(top).argmax(axis=0), range(top.shape[1])] < 0, -1, 1)
    plane = centred @ top
    if plane.shape[1] < 2:
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    return np.asarray(plane, dtype=np.float64)


def _umap(
    vectors: np.ndarray,
    neighbours: Neighbours,
    start: np.ndarray,
    k: int,
    min_dist: float,
    seed: int,
    progress: Progress,
) -> np.ndarray:
    from umap import UMAP

    progress(0.0, "neighbourhoods")
    indices, similarities = neighbours(k)
    own = np.arange(len(vectors))[:, None]
    graph = np.hstack([own, indices[:, : k - 1] if k > 1 else indices])
    distances = np.hstack([np.zeros((len(vectors), 1)), 1 - similarities[:, : graph.shape[1] - 1]])
    distances = np.maximum(distances, 0).astype(np.float32)
    progress(0.3, f"placing {len(vectors):,} points")
    spread = start / max(1e-9, np.abs(start).max()) * 10
    jitter = np.random.default_rng(seed).normal(scale=1e-4, size=spread.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed costs a core is said in the help
        model = UMAP(
            n_neighbors=graph.shape[1],
            min_dist=min_dist,
            metric="cosine",
            random_state=seed,
            init=(spread + jitter).astype(np.float32),
            precomputed_knn=(graph.astype(np.int64), distances),
            force_approximation_algorithm=True,
        )
        placed = np.asarray(model.fit_transform(vectors), dtype=np.float64)
    lost = ~np.isfinite(placed).all(
        axis=1
    )  # UMAP leaves a point that nobody is near without a place
    placed[lost] = spread[lost]
    return placed
