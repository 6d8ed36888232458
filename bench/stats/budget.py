"""What it would take to separate two methods: more seeds, more images, or neither."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.crossed import FEWEST_SEEDS, Crossed, least_p
from bench.stats.mde import ALPHA, POWER, minimum_detectable_effect

MOST_SEEDS, MOST_UNITS = 10_000, 10**9


@dataclass(frozen=True)
class Budget:
    """How the noise of a comparison divides, and what would bring its mde down to a difference.

    Attributes:
        target: The difference to be found.
        unit_sd, seed_sd, residual_sd: Standard deviations of one difference: between units, between seeds, rest.
        seeds, units: What the comparison has.
        more_seeds: Seeds to add at these units; 0 if none is needed, None if no number suffices. Below three seeds
            their variance is not known, and both numbers are about the units alone.
        more_units: Units to add at these seeds; likewise.
        seeds_matter: False for two methods that no seed changes.
    """

    target: float
    unit_sd: float
    seed_sd: float
    residual_sd: float
    seeds: int
    units: int
    more_seeds: int | None
    more_units: int | None
    seeds_matter: bool = True

    def text(self, units: str = "images") -> str:
        """One line for a person, such as ``3 more seeds, or 410 more images``."""
        if self.target == 0:
            return "the methods do not differ at all here: nothing to separate"
        if self.seeds_matter and self.seeds < FEWEST_SEEDS:
            return f"{_more_of('seed', FEWEST_SEEDS - self.seeds)} at least, to speak of the methods"
        if 0 in (self.more_seeds, self.more_units):
            return f"nothing more: four of five comparisons with as many {units} find a difference of this size"
        seeds = f"no number of seeds suffices with {self.units} {units}"
        if self.more_seeds is not None:
            seeds = _more_of("seed", self.more_seeds)
        images = f"no number of {units} suffices" + (f" with {self.seeds} seeds" if self.seeds_matter else "")
        if self.more_units is not None:
            images = _more_of(units.removesuffix("s"), self.more_units)
        if not self.seeds_matter:
            return images
        return f"{seeds}; {images}" if None in (self.more_seeds, self.more_units) else f"{seeds}, or {images}"


def _more_of(noun: str, number: int) -> str:
    return f"{number} more {noun}{'s' if number > 1 else ''}"


def noise_budget(
    table: Crossed,
    target: float | None = None,
    alpha: float = ALPHA,
    power: float = POWER,
    seeds_matter: bool = True,
) -> Budget:
    """Solve for the seeds, or the units, at which the minimum detectable effect reaches a difference.

    The variance with n' units and S' seeds is unit variance / n' + seed variance / S' + residual / (n' S'), from the
    components of one comparison; the degrees of freedom grow with it.

    Args:
        table: The analysis of one pair's differences.
        target: The difference to be found; the observed one unless given.
        alpha: Level at which it is to be found: Holm's, where the pair is one of several.
        seeds_matter: False for two methods that no seed changes.
    """
    target = abs(float(table.mean)) if target is None else abs(target)
    seeds, units = int(table.seeds), table.units

    def mde(n: int, runs: int) -> float:
        if least_p(n) > alpha:
            return math.inf
        return float(minimum_detectable_effect(_projected(table, n, runs), alpha, power))

    never, no_seeds = target == 0, target == 0 or not seeds_matter
    return Budget(
        target=target,
        unit_sd=float(np.sqrt(table.unit_variance)),
        seed_sd=float(np.sqrt(table.seed_variance)),
        residual_sd=float(np.sqrt(table.ms_residual)),
        seeds=seeds,
        units=units,
        more_seeds=None if no_seeds else _more(lambda runs: mde(units, runs) <= target, seeds, MOST_SEEDS),
        more_units=None if never else _more(lambda n: mde(n, seeds) <= target, units, MOST_UNITS),
        seeds_matter=seeds_matter,
    )


def _projected(table: Crossed, n: int, runs: int) -> Crossed:
    """The mean squares to be expected with other numbers of units and seeds, the components as estimated."""
    rest = table.ms_residual
    between_seeds = np.maximum(table.ms_seeds - rest, 0) / table.units
    seeds_now = max(int(table.seeds) - 1, 1)
    return replace(
        table,
        ms_units=runs * table.unit_variance + rest,
        ms_seeds=n * between_seeds + rest,
        units=n,
        seeds=np.asarray(runs),
        seed_freedom=table.seed_freedom * max(runs - 1, 1) / seeds_now,
    )


def _more(enough: Callable[[int], bool], now: int, most: int) -> int | None:
    """How many to add to ``now`` until there are enough; None if ``most`` are not."""
    if enough(now):
        return 0
    high = now
    while not enough(high):
        if high >= most:
            return None
        high = min(high * 2, most)
    low = max(high // 2, now)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high - now
