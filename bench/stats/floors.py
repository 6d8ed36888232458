"""The smallest difference that a comparison can be expected to find."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtri

from bench.stats.crossed import Crossed
from bench.stats.errors import StatisticsError
from bench.stats.quantiles import detectable

Array = np.ndarray[Any, np.dtype[Any]]
ALPHA, POWER = 0.05, 0.80
ROUNDS = 60  # of the fixed-point iteration, which halves its error each time


def planning_floor(
    n: int, discordance: float, seed_sd: float = 0.0, seeds: int = 1, alpha: float = ALPHA, power: float = POWER
) -> float:
    """The difference in accuracy to be found with the given power, before anything has run.

    (z(1 - alpha/2) + z(power)) x sqrt(discordance / n + 2 seed_sd^2 / seeds); 2.80 sqrt(discordance / n) at the
    defaults.

    Args:
        n: Test items (or groups, with the discordance between groups).
        discordance: Share of items on which exactly one of the two methods is right; 0.1 is usual for good methods.
        seed_sd: Standard deviation of one method's accuracy over seeds, a fraction.
        seeds: Seeds of each method.

    Raises:
        StatisticsError: A number is outside its range.
    """
    if n < 1 or seeds < 1 or not 0 <= discordance <= 1 or seed_sd < 0:
        raise StatisticsError("A planning floor needs n >= 1, seeds >= 1, discordance in 0..1 and seed_sd >= 0.")
    variance = discordance / n + 2 * seed_sd**2 / seeds
    return float((ndtri(1 - alpha / 2) + ndtri(power)) * math.sqrt(variance))


def resolution_floor(
    table: Crossed,
    alpha: float = ALPHA,
    power: float = POWER,
    right: tuple[Array, Array] | None = None,
    items: int | None = None,
) -> Array:
    """The true difference that this comparison, repeated, would find with the given power.

    About (t(1 - alpha/2) + t(power)) sqrt(V), with the units' and the seeds' parts of V each at its own degrees of
    freedom. With shares of right answers, V is that of methods which differ by the floor: near 100 % a worse method
    errs, and so varies, several times as much as the two that were compared.

    Args:
        table: The analysis of the differences.
        right: Share of right answers of the two methods when the scores are 0 and 1.
        items: Number of items where the units are groups of them.
    """
    units, seeds = (detectable(free, alpha, power) ** 2 for free in table.freedoms)
    of_units, of_seeds = table.parts
    squared = of_units * units + of_seeds * seeds
    floor = np.sqrt(squared)
    if right is None:
        return floor
    first, second = (np.asarray(share, float) for share in right)
    spread = first * (1 - first) + second * (1 - second)
    answers = np.where(spread > 0, (items or table.units) * table.seeds, items or table.units)
    return _with_errors(floor, np.maximum(first, second), spread, units / answers)


def _with_errors(floor: Array, best: Array, spread: Array, least: Array) -> Array:
    """Where the floor is, if the variance is that of a method at ``best`` and one worse than it by the floor.

    The variance grows like right (1 - right), from ``spread``, its sum over the methods as they are; and it is never
    less than that of answers of which a share `floor` differs, ``least`` being the squared factor / answers.
    """
    squared, erred = floor**2, spread > 0
    for _ in range(ROUNDS):
        worse = np.clip(best - floor, 0, 1)
        growth = np.where(erred, (best * (1 - best) + worse * (1 - worse)) / np.where(erred, spread, 1.0), 1.0)
        found = np.sqrt(np.maximum(squared * growth, least * floor * (1 - floor)))
        floor = np.maximum(np.minimum((floor + found) / 2, 1.0), least / (1 + least))
    return floor
