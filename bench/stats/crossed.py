"""The crossed two-way table: units (items or groups) x seeds, one score in each place.

Two things make a mean score uncertain, the items it was measured on and the seeds it was trained with, and both are
samples: another test set and other seeds would give another mean. With score = mean + unit + seed + residual, all
three random, the variance of the mean is unit variance / n + seed variance / S + residual / (n S), and the mean
squares of the two-way analysis of variance estimate it (Searle, Casella and McCulloch, "Variance Components", ch. 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.stats.errors import StatisticsError
from bench.stats.quantiles import half_width, p_value

Array = np.ndarray[Any, np.dtype[Any]]
TOLERANCE = 1e-9  # of the largest score: a smaller difference of a unit is rounding
FEWEST_SEEDS = 3  # with two the crossed test errs too often, and it has one degree of freedom
COUNTED = 64  # units that differ are counted to here at least; `smallest_p` is then below 1e-19
TRUSTED = 0.75  # see `Crossed.known`
STEPS = 20  # of degrees of freedom
SLICE = 256  # units looked at together


@dataclass(frozen=True)
class Crossed:
    """Mean and mean squares of one crossed table, or of an array of them: the fields broadcast.

    Attributes:
        mean: Mean score.
        ms_units: Mean square of the units' means (n - 1 degrees of freedom).
        ms_seeds: Mean square of the seeds' means; 0 with one seed.
        ms_residual: Mean square of what is left ((n - 1)(S - 1)); 0 with one seed.
        units: n.
        seeds: S.
        moved: Units whose mean over seeds is not zero.
        seed_freedom: Degrees of freedom of ``ms_seeds``: S - 1; of a pair up to twice as many, see `crossed_pairs`.
    """

    mean: Array
    ms_units: Array
    ms_seeds: Array
    ms_residual: Array
    units: int
    seeds: Array
    moved: Array
    seed_freedom: Array

    @property
    def parts(self) -> tuple[Array, Array]:
        """The variance of the mean in two parts: what many degrees of freedom tell, and what few seeds tell.

        Their sum is Q / (n S) with Q = MS_units + MS_seeds - MS_residual, unbiased for the variance over new units
        and new seeds, where MS_seeds is not below what is `known` of it. The first part has n - 1 degrees of freedom,
        the second those of the seeds.
        """
        size = self.units * self.seeds
        between = np.maximum(self.ms_units - self.ms_residual, 0)
        return (between + self.known) / size, np.maximum(self.ms_seeds - self.known, 0) / size

    @property
    def known(self) -> Array:
        """What the seeds' mean square is at least, as far as that is relied on.

        It holds the residual, which (n - 1)(S - 1) degrees of freedom tell. Where seeds come out alike by chance it is
        too small a share of the truth; the variance between units covers for that, so the residual counts as known up
        to a share of that variance. The share is found by simulation (docs/statistics.md): a residual counted whole has
        13 % of family-wise errors where units do not differ.
        """
        return np.minimum(self.ms_residual, TRUSTED * self.unit_variance)

    @property
    def variance(self) -> Array:
        """Variance of the mean over new units and new seeds, never less than what the units alone show."""
        return np.maximum(sum(self.parts), self.ms_units / (self.units * self.seeds))

    @property
    def unit_variance(self) -> Array:
        """Variance between units, the same for every seed; 0 where the estimate is negative."""
        return np.maximum(self.ms_units - self.ms_residual, 0) / self.seeds

    @property
    def seed_variance(self) -> Array:
        """Variance between seeds, the same for every unit; 0 where the estimate is negative."""
        return np.maximum(self.ms_seeds - self.ms_residual, 0) / self.units

    @property
    def freedoms(self) -> tuple[float, Array]:
        """Degrees of freedom of the two `parts`."""
        return self.units - 1.0, np.maximum(self.seed_freedom, 1.0)

    @property
    def smallest_p(self) -> Array:
        """The least p that the units which differ could give if all of them differed in one direction.

        Under the null hypothesis the sign of each unit's difference is a coin; m coins all fall one way with mid-p
        2**-m. A t test on a handful of units that differ would promise more.
        """
        return least_p(self.moved)

    def seeds_fixed(self) -> Crossed:
        """The same table as a statement on these very seeds: only the units are a sample."""
        none = np.zeros_like(self.ms_seeds)
        return replace(self, ms_seeds=none, ms_residual=none)

    def with_seeds(self, own: Array, freedom: Array) -> Crossed:
        """All pairs (..., k, k) of methods with these mean squares of seeds (..., k) at so many degrees of freedom."""
        return replace(self, ms_seeds=own[..., :, None] + own[..., None, :], seed_freedom=_welch(own, freedom))

    def scaled(self, factor: float) -> Crossed:
        """The analysis of the scores times a factor."""
        ms = [square * factor**2 for square in (self.ms_units, self.ms_seeds, self.ms_residual)]
        return replace(self, mean=self.mean * factor, ms_units=ms[0], ms_seeds=ms[1], ms_residual=ms[2])

    def at(self, place: tuple[Any, ...]) -> Crossed:
        """One analysis, or some, out of an array of them."""

        def one(field: Array) -> Array:
            return np.asarray(np.broadcast_to(field, self.mean.shape)[place])

        return replace(
            self,
            mean=one(self.mean),
            ms_units=one(self.ms_units),
            ms_seeds=one(self.ms_seeds),
            ms_residual=one(self.ms_residual),
            seeds=one(self.seeds),
            moved=one(self.moved),
            seed_freedom=one(self.seed_freedom),
        )

    def p(self) -> Array:
        """Two-sided p of "the mean is zero": the crossed t test, never below `smallest_p`."""
        return np.minimum(np.maximum(p_value(self.mean, self.parts, self.freedoms), self.smallest_p), 1.0)

    def half_width(self, level: float) -> Array:
        """Half the width of the t interval of the mean."""
        return half_width(self.parts, self.freedoms, level)


def least_p(units: Array | int) -> Array:
    """2**-m: what m units can show at most, all of them differing in one direction."""
    return 0.5 ** np.minimum(units, 1000).astype(float)


def crossed(scores: Array) -> Crossed:
    """Analyse crossed tables.

    Args:
        scores: (..., n, S) with n >= 2 units and S >= 1 seeds; leading axes are many tables at once.

    Raises:
        StatisticsError: There are fewer than two units, no seed, or a score that is not a finite number.
    """
    scores = finite(scores)
    n, seeds = scores.shape[-2:]
    mean = scores.mean((-2, -1))
    centred = scores - mean[..., None, None]
    unit_means, seed_means = centred.mean(-1), centred.mean(-2)
    squares = (
        seeds * np.einsum("...i,...i->...", unit_means, unit_means),
        n * np.einsum("...j,...j->...", seed_means, seed_means),
        np.einsum("...ij,...ij->...", centred, centred),
    )
    moved = (np.abs(scores.mean(-1)) > TOLERANCE * np.abs(scores).max()).sum(-1)
    return _assemble(mean, squares, (n, seeds), moved)


def crossed_pairs(scores: Array, sums: Array | None = None) -> Crossed:
    """Analyse the differences of every pair of k methods at once.

    Methods differ in how much seeds change them, so that no variance is shared: the seeds' mean square of a pair is the
    sum of its two methods' own, with Welch's degrees of freedom, S - 1 where one of them varies alone and 2 (S - 1)
    where both vary alike (Welch, "The significance of the difference between two means when the population variances
    are unequal", Biometrika 1938).

    Squares of differences come from products of the methods' scores, so that a thousand methods (half a million
    pairs) are a few matrix products.

    Args:
        scores: (..., k, n, S).
        sums: (..., k, n) what the units' differences are counted on, if not their means over seeds.

    Returns:
        Fields of shape (..., k, k); ``mean[a, b]`` is the mean of method a less that of b.
    """
    scores = finite(scores)
    n, seeds = scores.shape[-2:]
    means = scores.mean((-2, -1))
    centred = scores - scores.mean(-3, keepdims=True)  # what all methods share drops out of every difference
    centred -= centred.mean((-2, -1), keepdims=True)
    squares = (
        seeds * _distances(centred.mean(-1)),
        n * _distances(centred.mean(-2)),
        _distances(centred.reshape(*centred.shape[:-2], n * seeds)),
    )
    moved = _moved_pairs(scores.mean(-1) if sums is None else sums)
    found = _assemble(means[..., :, None] - means[..., None, :], squares, (n, seeds), moved)
    own = n * scores.mean(-2).var(-1, ddof=1) if seeds > 1 else np.zeros(means.shape)
    return found.with_seeds(own, np.full(means.shape, seeds - 1.0))


def _welch(own: Array, freedom: Array) -> Array:
    """Degrees of freedom (..., k, k) of sums of two mean squares, rounded down to one of few values."""
    one, other = own[..., :, None], own[..., None, :]
    parts = one**2 / np.maximum(freedom, 1.0)[..., :, None] + other**2 / np.maximum(freedom, 1.0)[..., None, :]
    found = (one + other) ** 2 / np.where(parts > 0, parts, 1.0)
    least = np.minimum(freedom[..., :, None], freedom[..., None, :])
    return np.asarray(np.floor(STEPS * np.where(parts > 0, found, least) + TOLERANCE) / STEPS)


def finite(scores: Array) -> Array:
    """Scores as an array (..., n, S) of floats, checked."""
    scores = np.asarray(scores, dtype=float)
    if scores.ndim < 2 or scores.shape[-2] < 2 or scores.shape[-1] < 1:
        raise StatisticsError(f"Scores must be (units, seeds) with at least two units, not {scores.shape}.")
    if not np.isfinite(scores).all():
        raise StatisticsError("Scores must be finite numbers; leave out the items that were not scored.")
    return scores


def _assemble(mean: Array, squares: tuple[Array, Array, Array], shape: tuple[int, int], moved: Array) -> Crossed:
    """Sums of squares (units, seeds, total) -> mean squares; ``shape`` is (n, S)."""
    (n, seeds), (of_units, of_seeds, total) = shape, squares
    free = seeds - 1
    residual = np.maximum(total - of_units - of_seeds, 0.0)
    residual = np.where(residual < 1e-12 * total, 0.0, residual)  # rounding of seeds that agree everywhere
    none = np.zeros_like(residual)
    return Crossed(
        mean=np.asarray(mean),
        ms_units=np.asarray(of_units / (n - 1)),
        ms_seeds=np.asarray(of_seeds / free if free else none),
        ms_residual=np.asarray(residual / ((n - 1) * free) if free else none),
        units=n,
        seeds=np.asarray(seeds),
        moved=np.asarray(moved),
        seed_freedom=np.asarray(float(free)),
    )


def _distances(points: Array) -> Array:
    """Squared distances (..., k, k) between the rows of (..., k, m)."""
    products = points @ np.swapaxes(points, -1, -2)
    own = np.diagonal(products, axis1=-2, axis2=-1)
    return np.maximum(own[..., :, None] + own[..., None, :] - 2 * products, 0.0)


def _moved_pairs(values: Array) -> Array:
    """Units that differ between each pair of rows of (..., k, n), counted until there are `COUNTED`.

    Most pairs reach that within the first slice of units, and need no look at the rest.
    """
    n = values.shape[-1]
    within = TOLERANCE * (values.max() - values.min())
    rows = []
    for row in range(values.shape[-2]):
        count = np.zeros(values.shape[:-1], int)
        for start in range(0, n, SLICE):
            part = values[..., start : start + SLICE]
            count += (np.abs(part - part[..., row : row + 1, :]) > within).sum(-1)
            few = count < COUNTED
            few[..., row] = False
            if not few.any():
                break
        rows.append(count)
    return np.stack(rows, axis=-2)
