"""Intervals of paired differences, and their correction where several are tested at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """The mean of paired differences, its confidence interval and the p-value of "no difference".

    n: observations; where differences were clustered, the clusters. df: degrees of freedom of the
    t-distribution. low, high and p are NaN below two observations: one difference says nothing
    about its own spread, and whoever shows the mean must say so.
    """

    mean: float
    low: float
    high: float
    n: int
    df: float
    p: float


def paired(
    differences: Sequence[float] | np.ndarray,
    clusters: Sequence[object] | np.ndarray | None = None,
    level: float = 0.95,
    extra_variance: float = 0.0,
    draw_variance: float = 0.0,
) -> Interval:
    """Return the t-interval of the mean of paired differences.

    differences: one per seed, in any unit. clusters: a value per difference; differences of equal
    value share data, so the means of the clusters are the observations. level: the share of such
    intervals that cover the true mean. extra_variance: variance that all differences share and
    their spread cannot show, such as that of one test set; it is added to the variance of the
    mean and taken as known exactly, and the degrees of freedom grow by the Welch–Satterthwaite
    formula. draw_variance: variance of the mean, estimated from as many observations, such as
    that of a choice which was drawn once for all seeds. p is two-sided. Raises ValueError where a
    difference is not finite.
    """
    from scipy.stats import t

    values = np.asarray(differences, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError("a paired difference is not a finite number")
    if clusters is not None:
        _, cluster = np.unique(np.asarray(clusters).astype(str), return_inverse=True)
        values = np.bincount(cluster, weights=values) / np.bincount(cluster)
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    if n < 2:
        return Interval(mean, np.nan, np.nan, n, max(0, n - 1), np.nan)
    sampling = float(values.var(ddof=1)) / n + draw_variance
    variance = sampling + extra_variance
    df = (n - 1) * (variance / sampling) ** 2 if sampling else (np.inf if extra_variance else n - 1)
    if not variance:
        return Interval(mean, mean, mean, n, df, float(mean == 0))
    error = variance**0.5
    half = float(t.ppf((1 + level) / 2, df)) * error
    return Interval(mean, mean - half, mean + half, n, df, float(2 * t.sf(abs(mean) / error, df)))


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the p-values adjusted for being tested together, in their order.

    Rejecting where an adjusted value is below 0.05 errs in any of the tests with a probability of
    at most 0.05, however the tests depend on each other. NaN (not tested) stays NaN and does not
    count. Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(values), np.nan)
    order = np.argsort(values, kind="stable")[: int(np.isfinite(values).sum())]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted
