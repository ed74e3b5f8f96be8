"""Density and outliers: the factor is scikit-learn's, and what has no vector has no score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.embedding import nearest
from curation.operations.density import density, local_outlier_factor


@pytest.fixture
def vectors() -> np.ndarray:
    """Two crowds of unlike width, a row far from both, and copies of a row."""
    draw = np.random.default_rng(0)
    crowd = np.eye(8)[0] + 0.05 * draw.normal(size=(60, 8))
    wide = np.eye(8)[1] + 0.1 * draw.normal(size=(60, 8))
    all_rows = np.vstack([crowd, wide, -np.ones((1, 8)), np.repeat(crowd[:1], 12, axis=0)])
    return (all_rows / np.linalg.norm(all_rows, axis=1, keepdims=True)).astype(np.float32)


def scored(vectors: np.ndarray, **params: int) -> pd.DataFrame:
    rows = pd.DataFrame(index=[f"{i:03}" for i in range(len(vectors))])
    return density(rows, vectors, lambda k, part: nearest(vectors[part], k), **params)


def test_the_factor_is_that_of_scikit_learn(vectors):
    from sklearn.neighbors import LocalOutlierFactor

    vectors = vectors[:121]  # among equal distances any row may be the neighbour
    model = LocalOutlierFactor(n_neighbors=10).fit(vectors)
    factor = local_outlier_factor(*nearest(vectors, 10))
    assert factor == pytest.approx(-model.negative_outlier_factor_, rel=1e-3)


def test_the_row_that_stands_alone_is_the_outlier_and_copies_are_dense(vectors):
    frame = scored(vectors)
    assert frame["outlier"].argmax() == 120 and frame["density"].argmin() == 120
    assert frame["density"].iloc[-12:].min() > 0.999
    alone = scored(vectors[:121])["outlier"]
    assert frame["outlier"].iloc[:121].equals(alone), "copies count once"
    assert (frame["outlier"].iloc[-12:] == alone.iloc[0]).all()


def test_rows_without_a_vector_and_too_few_rows_are_not_measured(vectors):
    vectors[3], vectors[5] = np.nan, 0
    frame = scored(vectors)
    assert list(np.flatnonzero(frame["density"].isna())) == [3, 5]
    assert frame["outlier"].drop(frame.index[[3, 5]]).notna().all()
    assert scored(vectors[:10]).isna().all(axis=None)
