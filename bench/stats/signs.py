"""Few, exchangeable differences: signed ranks over data sets, sign flips over seeds. Exact, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from bench.stats.errors import StatisticsError

Array = np.ndarray[Any, np.dtype[Any]]
MOST_FLIPPED = 20  # 2^20 ways are a second's work; with more seeds the t test is as good


@dataclass(frozen=True)
class Across:
    """Two methods over several data sets.

    Attributes:
        wins, ties, losses: Data sets in which A is ahead, level, behind.
        p: Two-sided p of Wilcoxon's signed ranks; None where so few data sets could not reach alpha.
        needed: Smallest number of data sets (without ties) that could.
        different: Whether p is at most alpha / comparisons.
    """

    wins: int
    ties: int
    losses: int
    p: float | None
    needed: int
    different: bool


def across_datasets(differences: Array, alpha: float = 0.05, comparisons: int = 1) -> Across:
    """Wilcoxon's signed-rank test with data sets as the sample (Demsar, JMLR 2006), or the plain counts.

    Signed ranks of N data sets cannot give less than 2^(1 - N): six are needed for 5 %, eleven with Holm's first step
    over 36 pairs. The p-value is exact, ties in size included; data sets without a difference are left out.

    Args:
        differences: (N,) mean difference on each data set.
        comparisons: Pairs that are compared; the family of Holm's adjustment.
    """
    values = _checked(differences)
    counts = int((values > 0).sum()), int((values == 0).sum()), int((values < 0).sum())
    needed = smallest_sample(alpha / comparisons)
    if counts[0] + counts[2] < needed:
        return Across(*counts, None, needed, False)
    p = signed_ranks(values)
    return Across(*counts, p, needed, p <= alpha / comparisons)


def smallest_sample(alpha: float) -> int:
    """Differences that a two-sided test on signs or signed ranks needs to be able to reach ``alpha``."""
    n = 1
    while 2.0 ** (1 - n) > alpha:
        n += 1
    return n


def signed_ranks(differences: Array) -> float:
    """Exact two-sided p of Wilcoxon's signed ranks, mid-ranks for differences of equal size, zeros left out."""
    values = _checked(differences)
    values = values[values != 0]
    if not len(values):
        return 1.0
    ranks = np.rint(2 * rankdata(np.abs(values))).astype(int)  # doubled: mid-ranks become whole
    ways = np.ones(1)
    for rank in ranks:
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways / 2
        longer[rank:] += ways / 2
        ways = longer
    positive, total = int(ranks[values > 0].sum()), int(ranks.sum())
    fewer = min(positive, total - positive)
    return float(min(2 * ways[: fewer + 1].sum(), 1.0))


def sign_flips(differences: Array) -> float | None:
    """Exact two-sided p of the mean over seeds when signs are exchangeable; None below six seeds.

    For metrics of which only each run's value is known. All 2^S ways of turning signs are looked at; with under six
    even the most extreme has p above 5 %.

    Args:
        differences: (S,) A less B for each shared seed.

    Raises:
        StatisticsError: There are more than 20 seeds.
    """
    values = _checked(differences)
    if len(values) < smallest_sample(0.05):
        return None
    if len(values) > MOST_FLIPPED:
        raise StatisticsError(f"Sign flips look at every way for up to {MOST_FLIPPED} seeds; use a t test for more.")
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    seen = abs(values.sum())
    return float((np.abs(sums) >= seen - 1e-9 * np.abs(values).sum()).mean())


def _checked(differences: Array) -> Array:
    values = np.asarray(differences, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise StatisticsError(f"Give a row of finite differences, not an array of shape {values.shape}.")
    return values
