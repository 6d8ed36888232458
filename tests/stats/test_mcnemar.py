"""Mid-p McNemar against statsmodels' exact test and against all ways of turning signs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from bench.stats import compare, midp
from bench.stats.mcnemar import midp_pairs


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 9), (12, 2), (0, 6), (40, 61), (1, 0)])
def test_midp_is_the_exact_test_less_half_of_what_was_seen(first: int, second: int) -> None:
    exact = mcnemar([[5, first], [second, 7]], exact=True).pvalue
    seen = stats.binom.pmf(min(first, second), first + second, 0.5)
    assert float(midp(first, second)) == pytest.approx(exact - seen)


def test_equal_counts_tell_nothing() -> None:
    assert midp(np.array([0, 4]), np.array([0, 4])).tolist() == [1, 1]


def test_fagerlands_example() -> None:
    """Airway hyper-responsiveness before and after transplantation (Fagerland et al. 2013, table 1): 1 and 7."""
    assert float(midp(1, 7)) == pytest.approx(0.039, abs=5e-4)


def test_two_runs_against_all_ways_of_turning_signs() -> None:
    rng = np.random.default_rng(3)
    scores = (rng.random((2, 12, 2)) < [[[0.8]], [[0.5]]]).astype(float)
    net = (scores[0] - scores[1]).sum(1)
    sums = np.array([np.dot(signs, np.abs(net)) for signs in product((-1, 1), repeat=12)])
    expected = (np.abs(sums) > abs(net.sum())).mean() + (np.abs(sums) == abs(net.sum())).mean() / 2
    assert midp_pairs(scores)[0, 1] == pytest.approx(expected)


def test_below_three_runs_the_words_are_of_models() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.random((100, 1)) < 0.9).astype(float), (rng.random((100, 1)) < 0.6).astype(float)
    found = compare(a, b)
    assert (found.scope, found.test) == ("models", "mid-p McNemar")
    assert found.p == pytest.approx(float(midp((a > b).sum(), (a < b).sum())))
    assert found.seed_freedom is None
    graded = compare(a * 0.5, b * 0.7)
    assert (graded.scope, graded.test) == ("models", "paired t")
    assert graded.p == pytest.approx(stats.ttest_rel(a[:, 0] * 0.5, b[:, 0] * 0.7).pvalue, rel=1e-3)
    assert compare(np.repeat(a, 3, 1), np.repeat(b, 3, 1)).scope == "methods"
