"""The map: a place on a plane for each vector."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pickle import UnpicklingError
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from curation.basis import (
    BLOCK,
    STAYS,
    Basis,
    of_earlier,
    positions,
    shaping,
    vector_keys,
    with_former,
)
from curation.dataset import Progress, silent
from curation.registry import SEEDS, Range, score
from curation.vectors import Vectors

Neighbours = Callable[..., tuple[np.ndarray, np.ndarray]]
SMALL = 20
"""Rows below which a neighbourhood graph is too small; the two main directions are used instead."""

ROUNDS = (60, 200)
"""Rounds of UMAP: the fewest, for many rows, and the most, for few."""

MOVES = 3_200_000
"""Rows times rounds between those bounds."""

NEGATIVE_SAMPLES = 10
"""Random points from which a point is moved away each time it is moved to a neighbour.

UMAP's default is 5, with 200 rounds for many rows. Half the rounds with twice as many take half the
time and give a truer map: 0.941 and 0.933 of trustworthiness on 52,000 rows in 9.7 and 18.4 s.
"""

ANCHORS = 8
"""Placed rows between which a new one is put."""

NEAR_ENOUGH = 0.7
"""Share of the anchors that must be the very nearest; among many rows others are nearly as near."""


@score("Map", makes=("map_x", "map_y"), slow=True, texts=())
def project_map(
    rows: pd.DataFrame,
    vectors: Vectors,
    neighbours: Neighbours,
    basis: Basis,
    progress: Progress,
    *,
    neighbourhood: Annotated[
        int, "neighbours that shape the map: few for detail, many for the whole", Range(2, 200)
    ] = 15,
    min_dist: Annotated[
        float, "how close points may lie: small for tight clumps", Range(0, 0.99, 0.05)
    ] = 0.1,
    seed: Annotated[int, "the same seed gives the same map", Range(0, SEEDS - 1)] = 0,
) -> pd.DataFrame:
    """Place examples on a plane so that those of similar meaning lie together.

    What it does:
        Runs UMAP from exact neighbours, started from the two main directions (PCA); fewer than 20
        different rows are placed by these alone. Of more than 100,000 rows a random part shapes the
        map and the others are put among it. A project keeps the places: rows that come later are
        put between their nearest, and nothing else moves, until another seed draws the map anew or
        fewer than half of the rows have a place. The seed makes the map repeatable, for which UMAP
        uses one core for a third of the work. Coordinates have no unit.
    Why:
        People see in seconds which themes a dataset has, where it is dense, and what stands apart.
    Example:
        {prompt: "How do I bake bread at home?"} → {nearest: 3}
        {prompt: "Which planet has rings?"} → {nearest: 4}
        {prompt: Give me a recipe for a loaf of bread.} → {nearest: 1}
        {prompt: "What are the rings of Saturn made of?"} → {nearest: 2}
    Measured precision:
        51,999 rows of Alpaca: trustworthiness 0.936; umap-learn's defaults reach 0.934 and 0.937. A
        million rows with draft vectors: 0.841 (benchmarks, map).
    Source:
        UMAP (McInnes et al. 2018).
    """
    if len(rows) == 0:
        return pd.DataFrame({"map_x": np.zeros(0), "map_y": np.zeros(0)}, index=rows.index)
    vectors = Vectors.of(vectors)
    keys, first, twin = np.unique(vector_keys(vectors), return_index=True, return_inverse=True)
    plane = _Places.of(basis).of_keys(keys)
    anew = np.isfinite(plane[:, 0]).mean() < STAYS
    if anew and len(keys) < SMALL:
        return _columns(_main_directions(vectors[first])[twin], rows.index)
    if anew:
        part = shaping(first, len(rows))
        among = neighbours if len(part) == len(rows) else lambda k: neighbours(k, part)
        shaped = _umap(vectors[part], among, neighbourhood, min_dist, seed, progress)
        plane = np.full((len(keys), 2), np.nan)
        plane[: len(part)] = shaped[first] if len(part) == len(rows) else shaped
    new = np.isnan(plane[:, 0])
    if new.any():
        progress(0.8, f"putting {int(new.sum()):,} more among them")
        plane[new] = _between(
            vectors.of_rows(first[new]), vectors.of_rows(first[~new]), plane[~new], keys[new]
        )
    plane = _single(plane)
    with basis.locked():
        former = _Places() if anew else _Places.of(basis)
        former.with_these(keys, plane).keep(basis)
    return _columns(plane[twin], rows.index)


def _single(plane: np.ndarray) -> np.ndarray:
    """Places in single precision, as they are kept: a place is the same before and after that."""
    return plane.astype(np.float32).astype(np.float64)


def _columns(plane: np.ndarray, index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({"map_x": plane[:, 0], "map_y": plane[:, 1]}, index=index, dtype="float64")


@dataclass(frozen=True)
class _Places:
    """Places of vectors on the map: keys, sorted, and plane, (keys, 2)."""

    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    plane: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    @classmethod
    def of(cls, basis: Basis) -> _Places:
        table = basis.load()
        if table is None:
            return cls()
        key = table["key"]
        old = pa.types.is_fixed_size_binary(key.type)
        keys = of_earlier(b"".join(key.to_pylist())) if old else key.to_numpy()
        plane = np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()])
        return cls(keys, plane.astype(np.float64))

    def of_keys(self, keys: np.ndarray) -> np.ndarray:
        """Places of some keys, (keys, 2); NaN for a key without one."""
        plane = np.full((len(keys), 2), np.nan)
        index = positions(keys, self.keys)
        plane[index >= 0] = self.plane[index[index >= 0]]
        return plane

    def with_these(self, keys: np.ndarray, plane: np.ndarray) -> _Places:
        """These places and the former ones of absent rows, which may come back."""
        return _Places(*with_former(keys, plane, self.keys, self.plane))

    def keep(self, basis: Basis) -> None:
        """Save the places."""
        x, y = self.plane.T.astype(np.float32)
        basis.save(pa.table({"key": self.keys, "x": x, "y": y}))


def _main_directions(vectors: np.ndarray) -> np.ndarray:
    """Positions along the two directions of greatest spread, (rows, 2), centred; signs fixed."""
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
    neighbourhood: int,
    min_dist: float,
    seed: int,
    progress: Progress,
) -> np.ndarray:
    """Places by UMAP, (rows, 2), centred."""
    from umap import UMAP

    progress(0.0, "neighbourhoods")
    k = min(neighbourhood, len(vectors) - 1)
    indices, similarities = neighbours(k)
    own = np.arange(len(vectors))[:, None]
    graph = np.hstack([own, indices[:, : k - 1] if k > 1 else indices])
    distances = np.hstack([np.zeros((len(vectors), 1)), 1 - similarities[:, : graph.shape[1] - 1]])
    distances = np.maximum(distances, 0).astype(np.float32)
    progress(0.3, f"placing {len(vectors):,} points")
    start = _main_directions(vectors)
    spread = start / max(1e-9, np.abs(start).max()) * 10
    jitter = np.random.default_rng(seed).normal(scale=1e-4, size=spread.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the help says that a seed costs a core
        model = UMAP(
            n_neighbors=graph.shape[1],
            min_dist=min_dist,
            metric="cosine",
            n_epochs=int(np.clip(MOVES // len(vectors), *ROUNDS)),
            negative_sample_rate=NEGATIVE_SAMPLES,
            random_state=seed,
            init=(spread + jitter).astype(np.float32),
            precomputed_knn=(graph.astype(np.int64), distances),
            force_approximation_algorithm=True,
        )
        placed = _placed(model, vectors)
    # UMAP gives no place to a point without neighbours.
    lost = ~np.isfinite(placed).all(axis=1)
    placed[lost] = spread[lost]
    return np.asarray(placed - placed.mean(axis=0))


def _cacheable_functions() -> list[Any]:
    """The functions of umap-learn that take seconds to compile and can be cached."""
    from umap import layouts, umap_

    names = {
        umap_: ("smooth_knn_dist", "compute_membership_strengths"),
        layouts: ("_nb_optimize_layout_euclidean_single_epoch",),
    }
    # Another release of umap-learn may have others: then they are compiled each time.
    return [getattr(m, name) for m in names for name in names[m] if hasattr(m, name)]


def _placed(model: Any, vectors: np.ndarray) -> np.ndarray:
    """Places by UMAP; its compiled functions are cached for the next process where that works."""
    from numba.core.caching import NullCache

    functions = _cacheable_functions()
    for function in functions:
        with suppress(AttributeError, RuntimeError):  # there is no folder to write to
            function.enable_caching()
    try:
        placed = model.fit_transform(vectors)
    except (OSError, EOFError, UnpicklingError):  # the cache is damaged, or the disk is full
        for function in functions:
            function._cache = NullCache()
        placed = model.fit_transform(vectors)
    return np.asarray(placed, dtype=np.float64)


def compile_once() -> None:
    """Compile what a map needs, which numba keeps for this machine; `make` does so when it installs."""
    from curation.embedding.neighbours import nearest

    vectors = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    _umap(vectors, lambda k: nearest(vectors, k), 15, 0.1, 0, silent)


def _between(new: Vectors, placed: Vectors, plane: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Places for new vectors between their nearest placed ones, (new, 2).

    The mean of those, weighted by nearness as UMAP does, and moved a little by the row's own hash, so
    that rows with the same neighbours do not hide each other.
    """
    from curation.embedding.neighbours import nearest_in

    count = min(ANCHORS, len(placed))
    anchors, similarities = nearest_in(new, placed, count, recall=NEAR_ENOUGH)
    usual, result = 0.02 * np.median(np.abs(plane), axis=0), np.empty((len(new), 2))
    for start in range(0, len(new), BLOCK):
        block = slice(start, start + BLOCK)
        distances, around = 1 - similarities[block], plane[anchors[block]]
        beyond = distances - distances[:, :1]  # the nearest counts fully, as in UMAP's local metric
        weights = np.exp(-beyond / np.maximum(beyond.mean(axis=1, keepdims=True), 1e-6))
        weights /= weights.sum(axis=1, keepdims=True)
        centre = np.einsum("rk,rkc->rc", weights, around)
        apart = np.sqrt(np.einsum("rk,rkc->rc", weights, (around - centre[:, None]) ** 2))
        hashed = keys[block].astype(">u8").view(np.uint32).reshape(-1, 2)
        nudge = hashed.astype(np.float64) / 2**32 - 0.5
        result[block] = centre + nudge * np.minimum(apart, 10 * usual) + nudge * usual * 0.2
    return result
