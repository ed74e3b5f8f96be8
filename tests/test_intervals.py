"""Intervals of paired differences against scipy's, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp, ttest_rel

from curation.training.intervals import holm, paired


def test_it_is_scipys_paired_t_test():
    rng = np.random.default_rng(0)
    curated, random = rng.normal(0.7, 0.02, 10), rng.normal(0.68, 0.03, 10)
    expected = ttest_rel(curated, random)
    interval = paired(curated - random)
    assert interval.mean == pytest.approx((curated - random).mean())
    assert (interval.n, interval.df, interval.p) == (10, 9, pytest.approx(expected.pvalue))
    assert interval[1:3] == pytest.approx(tuple(expected.confidence_interval(0.95)))
    narrow = paired(curated - random, level=0.8)
    assert narrow[1:3] == pytest.approx(tuple(expected.confidence_interval(0.8)))


def test_means_of_clusters_are_the_observations():
    differences = [0.1, 0.2, 0.3, 0.5, 0.6]
    expected = ttest_1samp([0.2, 0.5, 0.6], 0.0)
    interval = paired(differences, ["a", "a", "a", "b", "c"])
    assert (interval.n, interval.df) == (3, 2)
    assert interval.mean == pytest.approx(1.3 / 3)
    assert interval.p == pytest.approx(expected.pvalue)
    assert interval[1:3] == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert paired(differences, range(5)) == paired(differences)


def test_variance_of_a_shared_test_set_widens_the_interval():
    differences = np.array([0.01, 0.02, 0.03])
    own = differences.var(ddof=1) / 3
    plain, wide = paired(differences), paired(differences, extra_variance=3 * own)
    assert wide.df == pytest.approx(2 * 16)
    assert wide.high - wide.low > 1e-9 + (plain.high - plain.low) / 2
    # Without a spread of its own, the interval is that of the known variance.
    narrow = paired([0.1, 0.1], extra_variance=0.04)
    assert narrow.high - narrow.mean == pytest.approx(norm.ppf(0.975) * 0.2)
    assert narrow.p == pytest.approx(2 * norm.sf(0.5))


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_95_of_100_intervals_cover_the_truth(shared):
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(2_000):
        differences = 0.3 + rng.normal(0, shared) + rng.normal(0, 1, 6)
        interval = paired(differences, extra_variance=shared**2)
        covered += interval.low <= 0.3 <= interval.high
    assert 0.935 < covered / 2_000 < 0.965


def test_differences_that_share_data_do_not_count_as_many():
    rng = np.random.default_rng(4)
    clusters = np.repeat(range(5), 4)
    covered = np.zeros(2)
    for _ in range(500):
        differences = np.repeat(rng.normal(0, 1, 5), 4) + rng.normal(0, 0.3, 20)
        for i, interval in enumerate((paired(differences, clusters), paired(differences))):
            covered[i] += interval.low <= 0 <= interval.high
    assert covered[0] / 500 > 0.92 and covered[1] / 500 < 0.75


def test_one_difference_has_no_interval():
    interval = paired([0.25])
    assert (interval.mean, interval.n) == (0.25, 1)
    assert np.isnan([interval.low, interval.high, interval.p]).all()
    assert np.isnan(paired([0.1, 0.3], ["same", "same"]).low)
    assert np.isnan(paired([]).mean) and paired([]).n == 0
    with pytest.raises(ValueError, match="not a finite"):
        paired([0.1, np.nan])


def test_equal_differences_have_an_interval_without_width():
    assert paired([0.5, 0.5, 0.5])[:4] == (0.5, 0.5, 0.5, 3)
    assert (paired([0.5, 0.5]).p, paired([0.0, 0.0]).p) == (0.0, 1.0)


def test_holm():
    # By hand: 0.01·4, 0.02·3, then 0.03·2 and 0.04·1, neither below those before it.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.04, np.nan]) == pytest.approx([0.04, np.nan], nan_ok=True)
    assert len(holm([])) == 0


def test_holm_errs_in_any_test_once_in_twenty():
    p_values = np.random.default_rng(5).uniform(size=(2_000, 6))
    wrong = sum((holm(p) < 0.05).any() for p in p_values)
    assert 0.035 < wrong / 2_000 < 0.065
