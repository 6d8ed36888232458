"""Intervals of rows: against Wilson's, Student's and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from worlds import REGIMES, World

from bench.stats import StatisticsError, interval, intervals, of_seeds


def test_a_deterministic_method_on_one_run_is_wilson() -> None:
    scores = np.repeat([1.0, 0.0], [265, 13])[:, None]
    found = interval(scores, deterministic=True)
    expected = stats.binomtest(265, 278).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-3)
    assert found.covers == "items and seeds"


@pytest.mark.parametrize("right", [0, 278])
def test_all_right_or_all_wrong_still_has_an_interval(right: int) -> None:
    found = interval((np.arange(278) < right).astype(float)[:, None], deterministic=True)
    expected = stats.binomtest(right, 278).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-3)


def test_runs_that_agree_everywhere_are_deterministic() -> None:
    """A deterministic method has the items' uncertainty in every metric, however many runs are given."""
    scores = np.random.default_rng(0).random((50, 1))
    once, thrice = interval(scores, deterministic=True), interval(np.repeat(scores, 3, 1))
    assert (once.low, once.high) == pytest.approx((thrice.low, thrice.high))
    assert once.low is not None
    assert once.low < once.mean < (once.high or 0)


def test_few_runs_alone_get_items_and_the_seeds_apart() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((200, 2)) < [0.7, 0.84]).astype(float)
    found = interval(scores)
    assert (found.covers, found.note) == ("items", "items only")
    assert (found.seed_low, found.seed_high) == (scores[:, 0].mean(), scores[:, 1].mean())
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.15  # no t quantile at one degree of freedom
    assert interval(REGIMES[1].draw(rng, (1, 200, 5), [0.8])[0, 0].astype(float)).covers == "items and seeds"


def test_a_row_has_one_interval_whatever_stands_beside_it() -> None:
    drawn = World("", (1.0,) * 7 + (6.0,)).draw(np.random.default_rng(1), (1, 278, 3), [0.85] * 8)[0].astype(float)
    found = intervals({str(m): scores for m, scores in enumerate(drawn)})
    assert found["0"] == interval(drawn[0])
    assert found["7"] == interval(drawn[7])
    assert found["0"].covers == "items and seeds"


def test_below_three_seeds_an_interval_is_of_the_items() -> None:
    scores = np.random.default_rng(0).random((200, 3)) < 0.8
    found = [interval(scores[:, :seeds] * 1.0) for seeds in (1, 2, 3)]
    assert [one.covers for one in found] == ["items", "items", "items and seeds"]
    assert found[1].seed_low < found[1].seed_high


def test_a_metric_without_bounds_gets_a_plain_t_interval() -> None:
    scores = np.random.default_rng(0).exponential(1, (60, 1))
    found = interval(scores, bounds=(0, math.inf), deterministic=True)
    low, high = stats.t.interval(0.95, 59, scores.mean(), stats.sem(scores[:, 0]))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_bounds_are_kept_and_scale() -> None:
    scores = np.random.default_rng(0).random((20, 1)) < 0.97
    unit, points = (
        interval(scores * 1.0, deterministic=True),
        interval(scores * 100.0, bounds=(0, 100), deterministic=True),
    )
    assert (points.low, points.high) == pytest.approx((100 * unit.low, 100 * unit.high))  # type: ignore[operator]
    assert unit.high is not None
    assert unit.high <= 1


def test_groups_widen_a_row() -> None:
    world = World("", 0.5, item=0.1, interaction=0.8, group=7)
    scores = world.draw(np.random.default_rng(0), (1, 280, 5), [0.8])[0, 0].astype(float)
    patients = [i // 7 for i in range(280)]
    ignored, counted = interval(scores), interval(scores, groups=patients)
    assert counted.high - counted.low > 1.5 * (ignored.high - ignored.low)  # type: ignore[operator]


def test_a_grid_counts_its_data_seeds() -> None:
    scores = {"a": np.random.default_rng(0).random((50, 6))}
    grid = {"a": [(seed, data) for data in range(2) for seed in range(3)]}
    assert intervals(scores, runs=grid)["a"].runs == 2


def test_values_of_runs_alone() -> None:
    values = np.array([0.91, 0.93, 0.88, 0.95, 0.9])
    found = of_seeds(values)
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (found.low, found.high, found.covers) == (pytest.approx(low), pytest.approx(high), "seeds")
    assert of_seeds(values[:4]).low is None
    assert (of_seeds(values[:4]).seed_low, of_seeds(values[:4]).seed_high) == (0.88, 0.95)
    with pytest.raises(StatisticsError):
        of_seeds(np.array([0.9, np.nan]))


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("world", REGIMES, ids=lambda w: w.name)
def test_coverage_of_new_items_and_new_seeds(world: World, seeds: int) -> None:
    """At least 92.5 %, less three standard errors of 150 groups."""
    rng, covered, groups = np.random.default_rng(7), 0, 150
    for _ in range(groups):
        drawn = world.draw(rng, (1, 200, seeds), [world.accuracy] * 6)[0].astype(float)
        row = intervals({str(m): scores for m, scores in enumerate(drawn)})["0"]
        assert row.low is not None
        assert row.high is not None
        covered += row.low <= world.accuracy <= row.high
    assert covered / groups >= 0.925 - 3 * math.sqrt(0.925 * 0.075 / groups)
