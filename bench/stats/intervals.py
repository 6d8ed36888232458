"""Confidence intervals for a mean over seeds.

Two things make a mean accuracy uncertain: the test items it was measured on, and the seeds it was trained with.
Accuracy is a proportion, so the first part needs no second look at the predictions; other metrics have no such
formula, and their intervals speak of seeds only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its interval; None where too little is known for one."""

    mean: float
    low: float | None
    high: float | None


def accuracy_interval(values: Sequence[float], n: int, level: float = LEVEL) -> Interval:
    """Interval of a mean accuracy over new test items *and* new seeds.

    With one seed it is the Wilson score interval of a proportion on n items (Wilson, JASA 1927). With S seeds the
    variance of the mean is p(1-p)/n + s^2/S, s being the standard deviation over seeds; the interval is Wilson's on
    the number of items that would give this variance, with the t quantile at the Welch-Satterthwaite degrees of
    freedom. p(1-p)/n is an upper bound when the seeds share their test items, so the interval is never too narrow for
    it. With two seeds that disagree by more than the items explain it is wide, as two seeds can say little.

    Args:
        values: Accuracy (0..1) of each seed, at least one.
        n: Test items of a seed.
    """
    mean = math.fsum(values) / len(values)
    items = mean * (1 - mean) / n
    seeds = _variance(values) / len(values)
    if items == 0 or seeds == 0:  # all right or all wrong, one seed, or seeds that agree: only the items speak
        return _wilson(mean, n, _quantile(math.inf, level))
    freedom = (items + seeds) ** 2 / (items**2 / max(n - 1, 1) + seeds**2 / (len(values) - 1))
    return _wilson(mean, mean * (1 - mean) / (items + seeds), _quantile(freedom, level))


def seed_interval(values: Sequence[float], highest: float = 1.0, level: float = LEVEL) -> Interval:
    """Student's t interval of a mean over seeds, the test items held fixed; no ends with a single seed.

    Args:
        highest: Largest value the metric can take; the smallest is 0.
    """
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return Interval(mean, None, None)
    half = _quantile(len(values) - 1, level) * math.sqrt(_variance(values) / len(values))
    return Interval(mean, max(0.0, mean - half), min(highest, mean + half))


def _variance(values: Sequence[float]) -> float:
    """Unbiased variance, 0 for a single value."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _wilson(mean: float, n: float, z: float) -> Interval:
    """Wilson score interval of a proportion seen on ``n`` items."""
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return Interval(mean, min(mean, max(0.0, centre - half)), max(mean, min(1.0, centre + half)))


def _quantile(freedom: float, level: float) -> float:
    """Two-sided quantile of Student's t; the normal one at infinite degrees of freedom."""
    return float(stdtrit(freedom, 0.5 + level / 2))
