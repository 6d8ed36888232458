"""Crossover points of learning curves, with the coverage of their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.stats import StatisticsError, crossovers

SHOTS = (1, 2, 4, 8, 16)


def curves(rng: np.random.Generator, at: float, slope: float = 0.04, n: int = 150) -> tuple[list[np.ndarray], ...]:
    """A is behind below ``at`` shots and ahead beyond, by ``slope`` a doubling; budgets share items and seeds."""
    own, seed = rng.normal(0, 0.2, (n, 1)), rng.normal(0, 0.01, (1, 4))
    a, b = [], []
    for shots in SHOTS:
        ahead = slope * math.log2(shots / at)
        a.append(0.5 + ahead + own + seed + rng.normal(0, 0.2, (n, 4)))
        b.append(0.5 + rng.normal(0, 0.05, (n, 4)))
    return a, b


def test_without_noise_the_crossing_is_exact() -> None:
    rng = np.random.default_rng(0)
    a, b = curves(rng, 5.0)
    a = [0.5 + 0.04 * math.log2(shots / 5) + scores - scores.mean() for shots, scores in zip(SHOTS, a, strict=True)]
    b = [0.5 + scores - scores.mean() for scores in b]
    (found,) = crossovers(SHOTS, a, b)
    assert found.at == pytest.approx(5, rel=1e-2)
    assert found.then_leads == "A"
    (turned,) = crossovers(SHOTS, b, a)
    assert (turned.at, turned.then_leads) == (pytest.approx(found.at), "B")


def test_the_interval_holds_the_crossing() -> None:
    rng, covered, drawn = np.random.default_rng(1), 0, 120
    for _ in range(drawn):
        found = crossovers(SHOTS, *curves(rng, 5.0))
        covered += any((c.low is None or c.low <= 5) and (c.high is None or c.high >= 5) for c in found)
    assert covered / drawn >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / drawn)


def test_an_open_interval_says_so_and_one_leader_gives_none() -> None:
    rng = np.random.default_rng(2)
    (found,) = crossovers(SHOTS, *curves(rng, 4.0, slope=0.004, n=40))[:1] or [None]
    assert found is None or found.low is None or found.high is None
    assert crossovers(SHOTS, *curves(rng, 0.01)) == []


def test_budgets_must_rise() -> None:
    a, b = curves(np.random.default_rng(0), 4)
    with pytest.raises(StatisticsError, match="increasing"):
        crossovers((1, 4, 2, 8, 16), a, b)
    with pytest.raises(StatisticsError, match="each budget"):
        crossovers(SHOTS, a[:-1], b)


def test_a_crossing_at_a_measured_budget_is_found() -> None:
    ones, zeros = np.ones((6, 3)), np.zeros((6, 3))
    (found,) = crossovers([1, 4, 16], [ones, ones, zeros], [zeros, ones, ones])
    assert found.at == pytest.approx(4)
    assert found.then_leads == "B"
