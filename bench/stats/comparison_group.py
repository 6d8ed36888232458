"""All pairs of methods of one comparison group, judged together."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bench.stats.comparison import METHODS, MODELS, Comparison
from bench.stats.crossed import FEWEST_SEEDS, Crossed, finite, least_p
from bench.stats.errors import StatisticsError
from bench.stats.holm import holm, untestable
from bench.stats.letters import letters, rank_ranges
from bench.stats.matching import Matched, match
from bench.stats.mde import ALPHA, minimum_detectable_effect
from bench.stats.runs import Runs, independent

Array = np.ndarray[Any, np.dtype[Any]]
SLACK = 1e-9  # rounding of a mean


@dataclass(frozen=True)
class ComparisonGroup:
    """The verdicts on all pairs of k methods.

    Attributes:
        names: The methods, as given.
        means: (k,) mean score of each over all its runs.
        p: (k, k) two-sided p-values of each pair alone.
        adjusted: (k, k) Holm's adjustment over all pairs, with moderated seed variances; never below ``p``.
        different: (k, k) pairs found different at ``alpha`` after adjustment.
        untestable: (k, k) pairs that could not have been, whatever the outcome on the units that differ.
        matched: The analyses behind them.
        runs: Method -> names of its runs, those in which no seed plays a part left out.
        items: Test items.
        binary: Whether the scores are right or wrong.
    """

    names: tuple[str, ...]
    means: Array
    p: Array
    adjusted: Array
    different: Array
    untestable: Array
    matched: Matched
    runs: dict[str, frozenset[Hashable]]
    items: int
    binary: bool
    alpha: float
    higher_is_better: bool
    bounds: tuple[float, float]

    @property
    def pairs(self) -> int:
        """Number of pairs, the family over which Holm adjusts."""
        return len(self.names) * (len(self.names) - 1) // 2

    @cached_property
    def better(self) -> Array:
        """(k, k) ``better[a, b]``: a was found better than b."""
        ahead = self.matched.table.mean > 0 if self.higher_is_better else self.matched.table.mean < 0
        return self.different & ahead

    @property
    def order(self) -> list[int]:
        """Methods from the best mean to the worst."""
        return np.argsort(-self.means if self.higher_is_better else self.means, kind="stable").tolist()

    @cached_property
    def ranks(self) -> dict[str, tuple[int, int]]:
        """Best and worst rank that each method may have."""
        return dict(zip(self.names, rank_ranges(self.better), strict=True))

    @cached_property
    def letters(self) -> dict[str, str]:
        """Compact letters: methods that share one are not significantly different."""
        return dict(zip(self.names, letters(self.different, self.order), strict=True))

    @cached_property
    def mdes(self) -> Array:
        """(k, k) minimum detectable effect of each pair at alpha."""
        return self._mdes(self.matched.table, self.alpha)

    @cached_property
    def mdes_holm(self) -> Array:
        """(k, k) the same at Holm's first level, alpha / pairs."""
        return np.maximum(self.mdes, self._mdes(self.matched.family, self.alpha / self.pairs))

    @property
    def mde(self) -> float:
        """The typical minimum detectable effect: the median over the pairs."""
        return float(np.median(self.mdes[_upper(len(self.names))]))

    @property
    def mde_holm(self) -> float:
        """The typical mde at Holm's first level."""
        return float(np.median(self.mdes_holm[_upper(len(self.names))]))

    def pair(self, a: str, b: str) -> Comparison:
        """All that is known of two methods."""
        at = (self._place(a), self._place(b))
        table, difference, p = self.matched.table.at(at), float(self.matched.table.mean[at]), float(self.p[at])
        half = self._half_width(table, p)
        return Comparison(
            names=(a, b),
            means=(float(self.matched.means[at]), float(self.matched.means[at[::-1]])),
            difference=difference,
            low=difference - half,
            high=difference + half,
            p=p,
            adjusted=float(self.adjusted[at]),
            scope=METHODS if self.matched.of_methods[at] else MODELS,
            test=_test(int(table.seeds), float(self.matched.midp[at])),
            items=self.items,
            units=table.units,
            seeds=int(self.matched.shared[at]),
            unit_freedom=table.freedoms[0],
            seed_freedom=None if table.ms_residual == 0 and table.ms_seeds == 0 else float(table.freedoms[1]),
            variance=float(table.variance),
            mde=float(self.mdes[at]),
            mde_holm=float(self.mdes_holm[at]),
            alpha=self.alpha,
            different=bool(self.different[at]),
            untestable=bool(self.untestable[at]),
            table=self.matched.family.at(at),
            level=self.alpha / self.pairs,
        )

    def _half_width(self, table: Crossed, p: float) -> float:
        """Half the interval's width, never contradicting p."""
        half = float(table.half_width(1 - self.alpha))
        if table.moved == 0 and self.binary:  # no difference in n items leaves up to about 3 / n undetected
            half = max(half, 1 - self.alpha ** (1 / table.units))
        if p > self.alpha:  # a mid-p value, or `smallest_p`, may be more careful than the t interval
            half = max(half, abs(float(table.mean)))
        return half

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise StatisticsError(f"No method {name!r} in this group; it has {', '.join(self.names)}.")
        return self.names.index(name)

    @property
    def of_methods(self) -> bool:
        """Whether every verdict speaks of methods; else some speak of the trained models alone."""
        return bool(self.matched.of_methods[_upper(len(self.names))].all())

    def speaks_of_method(self, name: str) -> bool:
        """Whether all verdicts on one of them speak of methods."""
        place = self._place(name)
        return bool(np.delete(self.matched.of_methods[place], place).all())

    @property
    def tests(self) -> list[str]:
        """The tests that its pairs were judged by."""
        upper = _upper(len(self.names))
        seeds = np.broadcast_to(self.matched.table.seeds, self.p.shape)[upper]
        return sorted({_test(int(s), float(midp)) for s, midp in zip(seeds, self.matched.midp[upper], strict=True)})

    def _mdes(self, table: Crossed, alpha: float) -> Array:
        """Infinite where no outcome on so few units could be found."""
        if least_p(self.matched.table.units) > alpha:
            return np.full(self.p.shape, np.inf)
        upper, (low, high) = _upper(len(self.names)), self.bounds
        table, mdes = table.at(upper), np.zeros(self.p.shape)
        if np.isfinite([low, high]).all():
            shares = (self.means - low) / (high - low)
            shares = shares if self.higher_is_better else 1 - shares
            both, answers = (shares[upper[0]], shares[upper[1]]), self.items if self.binary else None
            scaled = minimum_detectable_effect(table.scaled(1 / (high - low)), alpha, shares=both, answers=answers)
            mdes[upper] = scaled * (high - low)
        else:
            mdes[upper] = minimum_detectable_effect(table, alpha)
        return mdes + mdes.T


def compare_all(
    scores: Mapping[str, Array],
    groups: Sequence[object] | None = None,
    alpha: float = ALPHA,
    runs: Runs | None = None,
    deterministic: Collection[str] = (),
    higher_is_better: bool = True,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> ComparisonGroup:
    """Compare every pair of methods of one comparison group.

    Each pair is compared on the runs that both have: the crossed t test over units and runs, with each method's own
    seed variance; below three shared runs mid-p McNemar for right or wrong, a paired t test over units for other
    scores. Holm's adjustment is over all pairs, with seed variances moderated over the group; a pair is found
    different where its own p says so too.

    Args:
        scores: Method -> (n, S): a score for each test item and run, such as right or wrong, Dice, or jackknife
            pseudo-values. Items are the same, in the same order, for all methods.
        groups: The group (patient, slide, domain) of each item: groups are then the units.
        runs: Method -> (seed, data seed) of each column; without it column s is the same run for every method.
        deterministic: Methods that are the same in every run; one column is enough for them.
        bounds: Least and largest value of the metric; infinite where it has none. MDE use them.

    Raises:
        StatisticsError: Fewer than two methods, or scores that do not fit together.
    """
    if len(scores) < 2:
        raise StatisticsError("Comparing needs at least two methods.")
    checked = {name: finite(values) for name, values in scores.items()}
    if len({values.shape[0] for values in checked.values()}) > 1 or any(v.ndim != 2 for v in checked.values()):
        raise StatisticsError("All methods need scores (items, runs) of the same items; match them by id first.")
    averaged, labels = independent(checked, runs)
    means = np.array([values.mean() for values in averaged.values()])
    if (means < bounds[0] - SLACK).any() or (means > bounds[1] + SLACK).any():
        raise StatisticsError(f"Mean scores lie outside {bounds}; give the metric's own bounds.")
    matched = match(averaged, labels, groups, deterministic)
    p, family = _decided(matched, matched.table), _decided(matched, matched.family)
    upper = _upper(len(checked))
    adjusted, out_of_reach = np.ones_like(p), np.zeros(p.shape, bool)
    adjusted[upper] = np.maximum(p[upper], holm(family[upper]))
    out_of_reach[upper] = untestable(family[upper], matched.table.smallest_p[upper], alpha) & (adjusted[upper] > alpha)
    adjusted, out_of_reach = np.minimum(adjusted, adjusted.T), out_of_reach | out_of_reach.T
    return ComparisonGroup(
        names=tuple(checked),
        means=means,
        p=p,
        adjusted=adjusted,
        different=adjusted <= alpha,
        untestable=out_of_reach,
        matched=matched,
        runs={name: frozenset(labels[name]) for name in checked if name not in deterministic},
        items=next(iter(checked.values())).shape[0],
        binary=all(((v == 0) | (v == 1)).all() for v in checked.values()),
        alpha=alpha,
        higher_is_better=higher_is_better,
        bounds=bounds,
    )


def _test(seeds: int, midp: float) -> str:
    if np.isfinite(midp):
        return "mid-p McNemar"
    return "crossed t" if seeds >= FEWEST_SEEDS else "paired t"


def _decided(matched: Matched, table: Crossed) -> Array:
    """The p-value of each pair: mid-p where it applies, else of the t test; 1 on the diagonal."""
    found = np.where(np.isfinite(matched.midp), matched.midp, table.p())
    found[np.diag_indices(len(found))] = 1.0
    return found


def _upper(k: int) -> tuple[Array, Array]:
    return np.triu_indices(k, 1)
