"""Signed ranks against scipy, sign flips against all flips, and the sizes at which they begin to say something."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bench.stats import (
    StatisticsError,
    across_datasets,
    over_folds,
    sign_flips,
    signed_ranks,
    smallest_sample,
    superiority,
)


@pytest.mark.parametrize("n", [5, 8, 20, 40])
def test_signed_ranks_are_scipys_exact_test(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1, n)
    assert signed_ranks(values) == pytest.approx(stats.wilcoxon(values, mode="exact").pvalue)


def test_signed_ranks_with_ties_are_exact() -> None:
    values = np.array([1.0, 1, -1, 2, 2, 0, 3, -2])
    kept = values[values != 0]
    ranks = stats.rankdata(np.abs(kept))
    sums = np.array([np.dot(signs, ranks) for signs in product((0, 1), repeat=len(kept))])
    seen, middle = ranks[kept > 0].sum(), ranks.sum() / 2
    assert signed_ranks(values) == pytest.approx((np.abs(sums - middle) >= abs(seen - middle)).mean())


def test_the_sizes_at_which_ranks_can_reach_alpha() -> None:
    assert smallest_sample(0.05) == 6
    assert smallest_sample(0.05 / 36) == 11


def test_few_data_sets_give_counts() -> None:
    found = across_datasets(np.array([0.1, 0.2, 0.1, 0.3, -0.1]))
    assert (found.wins, found.ties, found.losses, found.p, found.needed, found.different) == (4, 0, 1, None, 6, False)
    found = across_datasets(np.arange(1.0, 7))
    assert found.p == pytest.approx(2 / 64)
    assert found.different
    assert across_datasets(np.arange(1.0, 7), comparisons=36).p is None
    assert across_datasets(np.array([0.0, 0, 1, 2, 3, 4, 5])).p is None  # level data sets do not count


def test_sign_flips() -> None:
    values = np.array([0.3, 0.1, -0.05, 0.2, 0.4, 0.15, 0.12])
    means = np.array([np.dot(signs, values) for signs in product((-1, 1), repeat=7)])
    assert sign_flips(values) == pytest.approx((np.abs(means) >= abs(values.sum()) - 1e-12).mean())
    assert sign_flips(values[:5]) is None
    with pytest.raises(StatisticsError):
        sign_flips(np.ones(25))
    with pytest.raises(StatisticsError):
        sign_flips(np.array([]))


def test_folds_are_corrected_for_shared_training_items() -> None:
    values = np.random.default_rng(0).normal(0.02, 0.01, 10)
    found = over_folds(values, 1 / 9)
    t = values.mean() / np.sqrt((1 / 10 + 1 / 9) * values.var(ddof=1))
    assert found.p == pytest.approx(2 * stats.t.sf(t, 9), rel=1e-3)
    assert (found.low + found.high) / 2 == pytest.approx(found.mean)
    plain = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.high - found.low == pytest.approx((plain.high - plain.low) * np.sqrt(1 + 10 / 9))
    with pytest.raises(StatisticsError):
        over_folds(values[:1], 1 / 9)


def test_superiority_describes_with_wilsons_interval() -> None:
    found = superiority(np.array([0.9, 0.8, 0.7]), np.array([0.8, 0.7, 0.6]))
    expected = stats.binomtest(3, 3).proportion_ci(method="wilson")
    assert (found.share, found.low, found.high) == pytest.approx((1, expected.low, expected.high))
    assert superiority(np.array([0.5, 0.6]), np.array([0.5, 0.7])).share == 0.25
