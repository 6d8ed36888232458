"""One row's interval: a mean over items and seeds, for any metric."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.stats.crossed import Crossed, crossed, finite
from bench.stats.errors import StatisticsError
from bench.stats.matching import check_fixed
from bench.stats.quantiles import t_quantile
from bench.stats.runs import Runs, independent
from bench.stats.superiority import wilson
from bench.stats.units import grouped

Array = np.ndarray[Any, np.dtype[Any]]
FEWEST_FREEDOM = 4  # below, a t quantile says little: five seeds, or a group that has as much


@dataclass(frozen=True)
class Row:
    """A mean with its interval.

    Attributes:
        mean: Mean over items and runs.
        low, high: Ends of the interval; None where there is nothing to make one from.
        covers: ``items and seeds``: holds for new items and new seeds. ``items``: for new items and these very
            models; the seeds' range stands apart. ``seeds``: for new seeds on these very items.
        pooled: Methods whose seed variance was taken together; 1 is the row's own.
        seed_low, seed_high: Lowest and highest mean of a run.
        runs: Independent runs.
    """

    mean: float
    low: float | None
    high: float | None
    covers: str
    pooled: int
    seed_low: float
    seed_high: float
    runs: int

    @property
    def note(self) -> str:
        """What the interval holds for, in one line."""
        if self.covers != "items and seeds":
            return f"{self.covers} only"
        return f"items and seeds; seed variance pooled over {self.pooled} methods" if self.pooled > 1 else self.covers


def intervals(
    scores: Mapping[str, Array],
    groups: Sequence[object] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
    runs: Runs | None = None,
    deterministic: Collection[str] = (),
) -> dict[str, Row]:
    """Intervals of the rows of one comparison group.

    The variance of a mean is that of the crossed table. Seeds are few, so their mean square is pooled over the group
    (never taken below the row's own); when even the group has under four degrees of freedom, the interval is of
    items, and the range of the seeds stands apart. Between finite bounds the interval is Wilson's, with the number of
    items that would give this variance.

    Args:
        scores: Method -> (n, S) item scores whose mean is the metric; the methods may have different runs.
        groups: The group of each item.
        bounds: Least and largest value of the metric; infinite where it has none.
        runs: Method -> (seed, data seed) of each column.
        deterministic: Methods whose runs are all the same: they vary with the items alone.

    Raises:
        StatisticsError: Scores, groups or runs do not fit.
    """
    averaged, labels = independent({name: finite(values) for name, values in scores.items()}, runs)
    check_fixed(averaged, deterministic)
    tables = {name: crossed(grouped(values, groups)[0]) for name, values in averaged.items()}
    free = _varying(tables, deterministic)
    freedom = _freedom({name: averaged[name] for name in free}, labels) if free else 0.0
    pool = _pool([tables[name] for name in free]) if free else (0.0, 0.0)
    found = {}
    for name, table in tables.items():
        fixed = name in deterministic or bool(table.seeds > 1 and table.ms_residual == 0 and table.ms_seeds == 0)
        widened = table if fixed else _widened(table, pool, freedom)
        row = _row(table if widened is None else widened, averaged[name].mean(0), bounds, level, widened is not None)
        found[name] = row if fixed else replace(row, pooled=max(len(free), 1))
    return found


def interval(
    scores: Array,
    groups: Sequence[object] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
    deterministic: bool = False,
) -> Row:
    """Interval of one row without a group: see `intervals`."""
    return intervals({"": scores}, groups, bounds, level, deterministic=("",) if deterministic else ())[""]


def of_seeds(values: Array, bounds: tuple[float, float] = (0.0, 1.0), level: float = 0.95) -> Row:
    """A row of which only each run's value is known: Student's interval over seeds, from five seeds on.

    Args:
        values: (S,) the metric of each run.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise StatisticsError(f"Give one finite value for each run, not an array of shape {values.shape}.")
    mean, ends = float(values.mean()), (None, None)
    if len(values) > FEWEST_FREEDOM:
        half = t_quantile(len(values) - 1, level) * float(values.std(ddof=1)) / len(values) ** 0.5
        ends = max(bounds[0], mean - half), min(bounds[1], mean + half)
    return Row(mean, *ends, "seeds", 1, float(values.min()), float(values.max()), len(values))


def _row(table: Crossed, means: Array, bounds: tuple[float, float], level: float, with_seeds: bool) -> Row:
    """The row of one analysis; ``means`` are those of its runs."""
    half = float((table if with_seeds else table.seeds_fixed()).half_width(level))
    unseen = t_quantile(table.units - 1, level) ** 2 / table.units
    low, high = _ends(float(table.mean), half, bounds, unseen)
    covers = "items and seeds" if with_seeds else "items"
    return Row(float(table.mean), low, high, covers, 1, float(means.min()), float(means.max()), len(means))


def _varying(tables: Mapping[str, Crossed], deterministic: Collection[str]) -> list[str]:
    """Methods that tell something of seeds."""
    return [
        name
        for name, table in tables.items()
        if name not in deterministic and table.seeds > 1 and table.ms_residual > 0
    ]


def _pool(tables: Sequence[Crossed]) -> tuple[float, float]:
    """Ratio of the seeds' mean square to the residual's, and the residual's, over the group."""
    weights = [float(table.seeds) - 1 for table in tables]
    ratios = [float(table.ms_seeds / table.ms_residual) for table in tables]
    return float(np.average(ratios, weights=weights)), float(
        np.average([float(t.ms_residual) for t in tables], weights=weights)
    )


def _widened(table: Crossed, pool: tuple[float, float], freedom: float) -> Crossed | None:
    """The row's table with the group's seed variance; None when the group knows too little of it."""
    ratio, residual = pool
    if freedom < FEWEST_FREEDOM:  # never a t quantile at one degree of freedom
        return None
    if table.seeds > 1:
        seeds = np.maximum(table.ms_seeds, ratio * table.ms_residual)
    else:  # one run: its residual is in the units' mean square already
        seeds = np.asarray(max(ratio - 1, 0.0) * residual)
    return replace(table, ms_seeds=seeds, seed_freedom=freedom)


def _freedom(scores: Mapping[str, Array], labels: Mapping[str, Sequence[Hashable]]) -> float:
    """Degrees of freedom of a seed variance averaged over methods.

    Methods that share their runs (one draw of training images) move together, and k of them say less than k times as
    much: with correlation r of their run means, the average has k (S - 1) / (1 + (k - 1) r^2).
    """
    own = sum(values.shape[1] - 1 for values in scores.values())
    shared = set.intersection(*(set(labels[name]) for name in scores))
    if len(scores) < 2 or len(shared) < 2:
        return float(own)
    moves = np.stack([_moves(values, labels[name], shared) for name, values in scores.items()])
    k, products = len(moves), moves @ moves.T
    correlation = max((products.sum() - np.trace(products)) / (k * (k - 1)), 0.0)
    return float(own / (1 + (k - 1) * min(correlation, 1.0) ** 2))


def _moves(values: Array, labels: Sequence[Hashable], shared: set[Hashable]) -> Array:
    """How the run means depart from their average, scaled to length 1, on the shared runs in one order."""
    place = {label: column for column, label in enumerate(labels)}
    means = values.mean(0)[[place[label] for label in sorted(shared, key=repr)]]
    means = means - means.mean()
    length = np.linalg.norm(means)
    return means / length if length > 0 else means


def _ends(mean: float, half: float, bounds: tuple[float, float], none: float) -> tuple[float, float]:
    """Ends of the interval; between finite bounds Wilson's, ``none`` being his ratio when no variance was seen."""
    low, high = bounds
    if not np.isfinite([low, high]).all():
        return max(low, mean - half), min(high, mean + half)
    share = min(max((mean - low) / (high - low), 0.0), 1.0)
    spread = share * (1 - share)
    ratio = (half / (high - low)) ** 2 / spread if spread > 0 and half > 0 else none
    return tuple(low + end * (high - low) for end in wilson(share, ratio))  # type: ignore[return-value]
