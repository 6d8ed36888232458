"""How often one method's run beats the other's: a description, not a test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.stats.quantiles import t_quantile

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Superiority:
    """Share of paired runs in which A is ahead of B (a tie counts half), with its score interval."""

    share: float
    low: float
    high: float
    runs: int


def superiority(a: Array, b: Array, level: float = 0.95) -> Superiority:
    """P(A > B) over runs on this test set, after Bouthillier et al. (MLSys 2021), with Wilson's interval.

    With few runs the interval is wide, as it should be: three wins of three leave 0.44 .. 1. It says nothing of new
    items, so `compare` decides and this describes.

    Args:
        a: (S,) mean score of each run of A, higher is better.
        b: (S,) of B, paired with A's runs.
    """
    difference = np.asarray(a, float) - np.asarray(b, float)
    share = float((np.sign(difference) + 1).mean() / 2)
    low, high = wilson(share, t_quantile(math.inf, level) ** 2 / len(difference))
    return Superiority(share, low, high, len(difference))


def wilson(mean: float, ratio: float) -> tuple[float, float]:
    """Score interval of a mean between 0 and 1 (Wilson, JASA 1927).

    Args:
        ratio: Squared quantile / items that would give the mean's variance: the squared half width of the plain
            interval divided by mean (1 - mean).
    """
    centre = (mean + ratio / 2) / (1 + ratio)
    half = math.sqrt(mean * (1 - mean) * ratio + ratio**2 / 4) / (1 + ratio)
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))
