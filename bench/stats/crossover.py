"""Where two learning curves cross: the number of shots, or the fraction, at which the better method changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bench.stats.crossed import FEWEST_SEEDS, crossed, finite
from bench.stats.errors import StatisticsError
from bench.stats.units import grouped

Array = np.ndarray[Any, np.dtype[Any]]
STEPS = 200  # places looked at between two measured budgets


@dataclass(frozen=True)
class Crossover:
    """A place where the mean difference changes sign.

    Attributes:
        at: The budget there.
        low, high: Ends of its interval; None where the interval is open: no measured budget on that side separates
            the methods.
        then_leads: ``A`` or ``B``, whichever is ahead beyond it.
    """

    at: float
    low: float | None
    high: float | None
    then_leads: str


def crossovers(
    budgets: Sequence[float],
    a: Sequence[Array],
    b: Sequence[Array],
    groups: Sequence[object] | None = None,
    level: float = 0.95,
) -> list[Crossover]:
    """All crossover points of two learning curves, with intervals.

    Between measured budgets each item's difference is interpolated along log(budget). A place belongs to the interval
    when the crossed t test there does not separate the methods (a confidence set by inverting a test, as Fieller's),
    so that the correlation of budgets that share items and seeds is allowed for.

    Args:
        budgets: Shots or fractions, increasing and positive.
        a: (n, S) item scores of A at each budget; the same items and runs at all.
        b: Those of B.

    Returns:
        The crossovers in order; empty where one method is ahead at every budget.

    Raises:
        StatisticsError: Budgets do not increase, or the scores do not fit.
    """
    logs = _logs(budgets)
    differences = _differences(a, b, len(logs), groups)
    places, means, undecided = _along(logs, differences, level)
    found = []
    nonzero = np.flatnonzero(means).tolist()  # equal means at a place looked at are passed over, not missed
    for left, right in pairwise(nonzero):
        if means[left] * means[right] > 0:
            continue
        part = means[left] / (means[left] - means[right])
        at = places[left] + part * (places[right] - places[left])
        ends = _reach(undecided, left, -1), _reach(undecided, right, 1)
        low, high = (None if end is None else float(np.exp(places[end])) for end in ends)
        found.append(Crossover(float(np.exp(at)), low, high, "A" if means[right] > 0 else "B"))
    return found


def _logs(budgets: Sequence[float]) -> Array:
    values = np.asarray(budgets, float)
    if len(values) < 2 or (values <= 0).any() or (np.diff(values) <= 0).any():
        raise StatisticsError("Learning curves need two budgets or more, positive and increasing.")
    return np.log(values)


def _differences(a: Sequence[Array], b: Sequence[Array], count: int, groups: Sequence[object] | None) -> list[Array]:
    """A less B at each budget, (units, S)."""
    if len(a) != count or len(b) != count or len({np.shape(scores) for scores in (*a, *b)}) != 1:
        raise StatisticsError("Give both methods' scores (items, runs) at each budget, all of one shape.")
    return [grouped(finite(one) - finite(other), groups)[0] for one, other in zip(a, b, strict=True)]


def _along(logs: Array, differences: Sequence[Array], level: float) -> tuple[Array, Array, Array]:
    """Places along the curve, the mean difference there, and whether it is undecided."""
    weights = np.linspace(0, 1, STEPS + 1)[:, None, None]
    places, means, undecided = [], [], []
    for left, (one, other) in enumerate(pairwise(differences)):
        last = None if left == len(logs) - 2 else -1  # the next piece begins where this one ends
        table = crossed((1 - weights[:last]) * one + weights[:last] * other)
        table = table if table.seeds >= FEWEST_SEEDS else table.seeds_fixed()
        places.append(logs[left] + weights[:last, 0, 0] * (logs[left + 1] - logs[left]))
        means.append(table.mean)
        undecided.append(table.p() > 1 - level)
    return np.concatenate(places), np.concatenate(means), np.concatenate(undecided)


def _reach(undecided: Array, start: int, step: int) -> int | None:
    """The first decided place from ``start`` on; None when there is none to the end."""
    place = start
    while 0 <= place < len(undecided):
        if not undecided[place]:
            return int(place)
        place += step
    return None
