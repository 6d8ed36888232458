"""The smallest difference that a comparison can be expected to find."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtri

from bench.stats.crossed import Crossed
from bench.stats.errors import StatisticsError
from bench.stats.quantiles import detectable

Array = np.ndarray[Any, np.dtype[Any]]
ALPHA, POWER = 0.05, 0.80
ROUNDS, CLOSE = 100, 1e-5  # of the fixed-point iteration: a thousandth of a point is enough


def planning_mde(
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
        raise StatisticsError("A planning MDE needs n >= 1, seeds >= 1, discordance in 0..1 and seed_sd >= 0.")
    variance = discordance / n + 2 * seed_sd**2 / seeds
    return float((ndtri(1 - alpha / 2) + ndtri(power)) * math.sqrt(variance))


def minimum_detectable_effect(
    table: Crossed,
    alpha: float = ALPHA,
    power: float = POWER,
    shares: tuple[Array, Array] | None = None,
    answers: int | None = None,
) -> Array:
    """The true difference that this comparison, repeated, would find with the given power.

    About (t(1 - alpha/2) + t(power)) sqrt(V), with the units' and the seeds' parts of V each at its own degrees of
    freedom. For metrics between 0 and 1, V is that of methods which differ by the mde: near 1 a worse method varies
    several times as much as the two that were compared.

    Args:
        table: The analysis of the differences.
        shares: The two methods' means of a metric between 0 and 1, 1 being best.
        answers: Number of items, if their scores are right or wrong.
    """
    of_units, of_seeds = table.parts
    units, seeds = (_squared(np.asarray(free), alpha, power) for free in table.freedoms)
    if shares is None:
        return np.sqrt(of_units * units + of_seeds * seeds)
    size = table.units * table.seeds
    single = np.minimum(of_seeds, (table.ms_residual - table.known) / size)  # seeds that turn single answers
    found = _Growing(shares, of_units * units + single * seeds, (of_seeds - single) * seeds)
    return found.solve(0.0 if answers is None else float(units) / answers, table.seeds)


def _squared(freedom: Array, alpha: float, power: float) -> Array:
    """Square of `detectable` for each number of degrees of freedom, of which there are few different ones."""
    values, which = np.unique(freedom, return_inverse=True)
    found = np.array([detectable(value, alpha, power) ** 2 for value in values.tolist()])
    return np.asarray(found[which].reshape(freedom.shape))


class _Growing:
    """A variance that grows as one of two methods gets worse.

    With share p of right answers, the variance of single answers goes like p (1 - p). Seeds that move all answers a
    little towards or away from a threshold move p by the density there, and its variance goes like the square.
    """

    def __init__(self, shares: tuple[Array, Array], answers: Array, level: Array) -> None:
        first, second = (np.clip(np.asarray(share, float), 0, 1) for share in shares)
        self.shares, self.best = (first, second), np.maximum(first, second)
        self.answers, self.level = answers, level

    def solve(self, least: float, seeds: Array) -> Array:
        """The mde whose square is the variance at that mde.

        When a share `mde` of all answers differs their variance is at least mde (1 - mde) / answers: all that
        is known where nobody erred.

        Args:
            least: Squared factor / items; 0 for other metrics than accuracy.
        """
        mde, erred = np.sqrt(self.answers + self.level), _single(self.shares[0]) + _single(self.shares[1]) > 0
        least_here = np.where(erred, least / seeds, least)
        for _ in range(ROUNDS):  # the variance rises with the mde, so the mdes climb to their places
            before = mde
            found = np.sqrt(np.maximum(self._at(mde), least_here * mde * (1 - mde)))
            mde = np.maximum(np.minimum(found, 1.0), least_here / (1 + least_here))
            if np.max(np.abs(mde - before), initial=0.0) < CLOSE:
                break
        return np.asarray(mde)

    def _at(self, mde: Array) -> Array:
        worse = np.clip(self.best - mde, 0, 1)
        return np.asarray(self.answers * self._growth(_single, worse) + self.level * self._growth(_slope, worse))

    def _growth(self, variance: Callable[[Array], Array], worse: Array) -> Array:
        now, then = variance(self.shares[0]) + variance(self.shares[1]), variance(self.best) + variance(worse)
        return np.where(now > 0, then / np.where(now > 0, now, 1.0), 1.0)


def _single(share: Array) -> Array:
    """Variance of one answer."""
    return np.asarray(share * (1 - share))


def _slope(share: Array) -> Array:
    """Squared change of the share of right answers with the threshold that they pass, a normal one."""
    return np.asarray(np.exp(-(ndtri(share) ** 2)))
