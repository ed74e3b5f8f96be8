"""Density around an example: crowded places, and examples that stand alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import pandas as pd

from curation.alike.sets import first_of, numbered, vector_keys
from curation.registry import Range, score
from curation.vectors import Vectors


@score("Density and outliers", makes=("density", "outlier"), slow=True, texts=())
def density(
    rows: pd.DataFrame,
    vectors: Vectors,
    neighbours: Callable[..., tuple[np.ndarray, np.ndarray]],
    *,
    nearest: Annotated[int, "neighbours of each row that are looked at", Range(2, 50)] = 10,
) -> pd.DataFrame:
    """Score how near each row lies to its nearest others, and how lonely that is for its region.

    What it does:
        `density` is the mean cosine of a row to its ten nearest: high where many rows say the same.
        `outlier` compares that with the density around these neighbours (local outlier factor): about
        1 for a row like those around it, well above 1 for one that stands alone; copies count once. Rows without a
        vector are not measured, nor are data with no more rows than `nearest`. It drops nothing.
        Needs embeddings.
    Why:
        Crowded places cost training time and teach one thing often. A row that stands alone is rare
        or broken: look, do not drop.
    Example:
        with: {nearest: 2}
        {prompt: "How do I bake bread at home?"} → {density: 0.94, outlier: 1.06}
        {prompt: "How do I bake bread?"} → {density: 0.88, outlier: 0.97}
        {prompt: "How can I bake bread at home?"} → {density: 0.93, outlier: 0.97}
        {prompt: "What are the rings of Saturn made of?"} → {density: 0.1, outlier: 2.68}
    Measured precision:
        Exact: it counts distances; up to 100,000 rows the neighbours are the true ones. How many
        outliers are broken was not measured.
    Source:
        Local outlier factor (Breunig et al. 2000), from the neighbours that other steps share.
    """
    columns = {name: np.full(len(rows), np.nan) for name in ("density", "outlier")}
    vectors = Vectors.of(vectors)
    embedded = np.flatnonzero(vectors.each(lambda v: np.isfinite(v[:, 0]) & v.any(axis=1)))
    if len(embedded) > nearest:
        _, cosines = neighbours(nearest, embedded)
        columns["density"][embedded] = np.round(cosines.mean(axis=1), 4)
    copy = numbered(*vector_keys(vectors.of_rows(embedded)).T)
    first = first_of(copy)
    if len(first) > nearest:
        factor = local_outlier_factor(*neighbours(nearest, embedded[first]))
        columns["outlier"][embedded] = np.round(factor[copy], 4)
    return pd.DataFrame(columns, rows.index)


def local_outlier_factor(near: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """The factor of each row from its neighbours and their cosines, both (rows, k), nearest first."""
    distances = np.sqrt(np.maximum(2 - 2 * cosines.astype(float), 0))
    farthest = distances[:, -1]
    reach = np.maximum(distances, farthest[near])
    local = 1 / np.maximum(reach.mean(axis=1), 1e-10)
    factor: np.ndarray = local[near].mean(axis=1) / local
    return factor
