"""Intervals against scipy.stats, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.stats import accuracy_interval, seed_interval


@pytest.mark.parametrize(("right", "n"), [(265, 278), (0, 40), (40, 40), (1, 2), (1860, 2048)])
def test_one_seed_is_wilson(right: int, n: int) -> None:
    found = accuracy_interval([right / n], n)
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_seed_interval_is_students() -> None:
    values = [0.91, 0.93, 0.88, 0.95]
    found = seed_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert seed_interval([0.9]).low is None
    assert (seed_interval([0.5, 1.0]).low, seed_interval([0.5, 1.0]).high) == (0.0, 1.0)
    assert seed_interval([0.5, 1.0], highest=math.inf).high == pytest.approx(0.75 + 12.7062 * 0.25, abs=1e-3)


def test_seeds_that_agree_leave_the_items_uncertainty() -> None:
    assert accuracy_interval([0.9, 0.9, 0.9], 200) == accuracy_interval([0.9], 200)


def test_seeds_that_disagree_widen_the_interval() -> None:
    alone, two, five = accuracy_interval([0.8], 1000), accuracy_interval([0.7, 0.9], 1000), None
    five = accuracy_interval([0.7, 0.9, 0.75, 0.85, 0.8], 1000)
    widths = [i.high - i.low for i in (alone, five, two) if i.high is not None and i.low is not None]
    assert widths == sorted(widths)
    assert len(widths) == 3


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_the_mean_lies_inside_and_the_ends_are_fractions(rights: list[int]) -> None:
    found = accuracy_interval([right / 50 for right in rights], 50)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.mean <= found.high <= 1


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.08])
def test_coverage_over_new_items_and_new_seeds(spread: float) -> None:
    """The long-run mean lies in the 95 % interval in 95 % of repetitions; fewer would be dishonest, more is allowed."""
    rng, truth, n, seeds, repetitions = np.random.default_rng(0), 0.85, 300, 3, 800
    covered = 0
    for _ in range(repetitions):
        skill = np.clip(rng.normal(truth, spread, seeds), 0.5, 1)
        found = accuracy_interval(list(rng.binomial(n, skill) / n), n)
        covered += found.low <= truth <= found.high
    assert covered / repetitions > 0.93
