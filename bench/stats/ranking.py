"""Methods over several data sets: ranks, and which of them differ (Demsar, JMLR 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2, rankdata, studentized_range

from bench.stats.errors import StatisticsError
from bench.stats.holm import holm
from bench.stats.mde import ALPHA
from bench.stats.signs import Across, across_datasets, signed_ranks

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Ranks:
    """k methods ranked on each of N data sets.

    Attributes:
        ranks: (N, k) rank on each data set, 1 the best; equal scores share the mean of their ranks.
        friedman: p of "all methods are equal".
        critical: Nemenyi's critical difference of mean ranks.
        wilcoxon: (k, k) Wilcoxon's signed ranks after Holm's adjustment over all pairs.
        alpha: Level of all verdicts.
    """

    ranks: Array
    friedman: float
    critical: float
    wilcoxon: Array
    alpha: float

    @property
    def mean(self) -> Array:
        """(k,) mean rank of each method."""
        return np.asarray(self.ranks.mean(0))

    @property
    def order(self) -> list[int]:
        """Methods from the best mean rank to the worst."""
        return np.argsort(self.mean, kind="stable").tolist()

    @property
    def apart(self) -> Array:
        """(k, k) methods whose mean ranks differ by at least the critical difference."""
        return np.abs(self.mean[:, None] - self.mean[None, :]) >= self.critical

    @property
    def cliques(self) -> list[list[int]]:
        """Largest runs of neighbours in rank that do not differ by Nemenyi's test: the bars of the diagram."""
        order, found = self.order, list[list[int]]()
        for place, first in enumerate(order):
            run = [method for method in order[place:] if not self.apart[first, method]]
            if not found or run[-1] != found[-1][-1]:
                found.append(run)
        return found

    @property
    def enough(self) -> bool:
        """Whether so many data sets could show any pair by Wilcoxon's test at all."""
        pairs = len(self.mean) * (len(self.mean) - 1) / 2
        return bool(2.0 ** (1 - len(self.ranks)) <= self.alpha / pairs)


def rank(scores: Array, alpha: float = ALPHA) -> Ranks:
    """Rank methods on each data set, and test.

    Friedman's test asks whether all are equal; Nemenyi's critical difference of mean ranks is
    ``q sqrt(k (k + 1) / (6 N))``, q being the studentised range's quantile over sqrt 2 (Demsar, section 3.2.2);
    Wilcoxon's exact signed ranks with Holm's adjustment judge each pair by itself (Benavoli, Corani and Mangili, JMLR
    2016, argue for it: a pair's verdict does not depend on the other methods).

    Args:
        scores: (N, k), higher is better.

    Raises:
        StatisticsError: Fewer than two data sets or methods, or a score that is not finite.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or min(scores.shape) < 2 or not np.isfinite(scores).all():
        raise StatisticsError("Ranking needs finite scores of two methods or more on two data sets or more.")
    number, k = scores.shape
    ranks = rankdata(-scores, axis=1)
    critical = float(studentized_range.ppf(1 - alpha, k, np.inf)) / 2**0.5 * (k * (k + 1) / (6 * number)) ** 0.5
    upper = np.triu_indices(k, 1)
    adjusted = np.ones((k, k))
    adjusted[upper] = holm(np.array([signed_ranks(scores[:, a] - scores[:, b]) for a, b in zip(*upper, strict=True)]))
    return Ranks(ranks, _friedman(ranks), critical, np.minimum(adjusted, adjusted.T), alpha)


def against(scores: Array, one: int, other: int) -> Across:
    """Wins, ties and losses of one method against another over the data sets."""
    return across_datasets(scores[:, one] - scores[:, other])


def _friedman(ranks: Array) -> float:
    """Friedman's chi-squared with k - 1 degrees of freedom, corrected for ties."""
    number, k = ranks.shape
    squares = float(((ranks - (k + 1) / 2) ** 2).sum())
    if squares == 0:
        return 1.0
    between = number**2 * float(((ranks.mean(0) - (k + 1) / 2) ** 2).sum())
    return float(chi2.sf((k - 1) * between / squares, k - 1))
