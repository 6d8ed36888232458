"""The crossed analysis against statsmodels' analysis of variance, scipy's t and noncentral t."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench.stats import StatisticsError, crossed
from bench.stats.crossed import crossed_pairs
from bench.stats.quantiles import detectable, half_width, p_value


def table(n: int = 30, seeds: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.1 + rng.normal(0, 1, (n, 1)) + rng.normal(0, 0.5, (1, seeds)) + rng.normal(0, 0.7, (n, seeds))


def test_mean_squares_are_those_of_the_two_way_analysis_of_variance() -> None:
    scores = table()
    unit, seed = (index.ravel() for index in np.indices(scores.shape))
    frame = pd.DataFrame({"y": scores.ravel(), "unit": unit, "seed": seed})
    reference = anova_lm(ols("y ~ C(unit) + C(seed)", frame).fit())
    found = crossed(scores)
    assert [float(found.ms_units), float(found.ms_seeds), float(found.ms_residual)] == pytest.approx(
        reference["mean_sq"].tolist()
    )
    assert float(found.mean) == pytest.approx(scores.mean())
    expected = (
        reference["mean_sq"].iloc[0] + reference["mean_sq"].iloc[1] - reference["mean_sq"].iloc[2]
    ) / scores.size
    assert float(found.variance) == pytest.approx(expected)


def test_the_variance_is_unbiased_for_new_units_and_new_seeds() -> None:
    found = [crossed(table(seed=seed)) for seed in range(3000)]
    means = np.array([float(t.mean) for t in found])
    estimates = np.mean([float(sum(t.parts)) for t in found])
    assert means.var() == pytest.approx(estimates, rel=0.06)
    assert means.var() == pytest.approx(1 / 30 + 0.25 / 4 + 0.49 / 120, rel=0.06)


def test_pairs_at_once_are_the_pairs_one_by_one() -> None:
    cube = np.stack([table(seed=seed) for seed in range(5)])
    together = crossed_pairs(cube)
    for a in range(5):
        for b in range(5):
            alone = crossed(cube[a] - cube[b])
            for field in ("mean", "ms_units", "ms_residual", "moved"):
                found = getattr(together, field)[a, b]
                assert float(found) == pytest.approx(float(getattr(alone, field)), abs=1e-9), field
            own = crossed(cube[a]).ms_seeds + crossed(cube[b]).ms_seeds
            assert float(together.ms_seeds[a, b]) == pytest.approx(float(own))


def test_many_tables_at_once_are_the_tables_one_by_one() -> None:
    cube = np.stack([table(seed=seed) for seed in range(5)])
    together = crossed(cube)
    assert together.p() == pytest.approx([float(crossed(one).p()) for one in cube])


def test_one_seed_is_the_t_test_over_units() -> None:
    scores = table(40, 1)
    found, expected = crossed(scores), stats.ttest_1samp(scores[:, 0], 0)
    assert float(found.p()) == pytest.approx(expected.pvalue, rel=1e-3)
    interval = expected.confidence_interval(0.9)
    assert float(found.mean - found.half_width(0.9)) == pytest.approx(interval.low)


def test_without_unit_differences_it_is_the_t_test_over_seeds() -> None:
    scores = np.repeat(table(2, 6)[:1], 50, axis=0)
    expected = stats.ttest_1samp(scores[0], 0)
    assert float(crossed(scores).p()) == pytest.approx(expected.pvalue, rel=1e-3)


def test_seeds_fixed_is_the_t_test_over_the_units_means() -> None:
    scores = table()
    expected = stats.ttest_1samp(scores.mean(1), 0)
    assert float(crossed(scores).seeds_fixed().p()) == pytest.approx(expected.pvalue, rel=1e-3)


@pytest.mark.parametrize("parts", [(1.0, 0.0), (0.0, 1.0), (0.3, 0.9), (2.0, 0.01)])
@pytest.mark.parametrize("level", [0.1, 0.95, 0.9982, 1 - 1e-7])
def test_p_is_the_level_at_which_the_interval_reaches_zero(parts: tuple[float, float], level: float) -> None:
    pair = (np.asarray(parts[0]), np.asarray(parts[1]))
    edge = half_width(pair, (277, 2), level)
    assert float(p_value(edge, pair, (277, 2))) == pytest.approx(1 - level, rel=1e-3)


def test_p_without_variance_is_certain() -> None:
    none = (np.zeros(2), np.zeros(2))
    assert p_value(np.array([0.0, 0.1]), none, (10, 2)).tolist() == [1.0, 0.0]


def test_a_handful_of_units_is_no_proof() -> None:
    """Four items that all favour one method: four coins, however small the t test's p."""
    scores = np.zeros((1000, 3))
    scores[:4] = 1
    assert float(crossed(scores).p()) >= 0.5**4


@pytest.mark.parametrize("freedom", [2, 4, 30, 2000])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 28])
def test_detectable_gives_the_power_asked_for(freedom: float, alpha: float) -> None:
    """Noncentral t: power 80 %; and half of all estimates of the standard error lie below the true one by a factor."""
    median = np.sqrt(stats.chi2.median(freedom) / freedom)
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    assert stats.nct.sf(critical, freedom, detectable(freedom, alpha, 0.8) * median) == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("scores", [np.zeros((1, 3)), np.zeros(4), np.full((4, 2), np.nan), np.zeros((4, 0))])
def test_scores_that_cannot_be_analysed_say_so(scores: np.ndarray) -> None:
    with pytest.raises(StatisticsError):
        crossed(scores)
