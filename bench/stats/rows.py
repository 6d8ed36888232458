"""One row's interval: a mean over items and seeds, for any metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.stats.crossed import FEWEST_SEEDS, Crossed, crossed, finite
from bench.stats.errors import StatisticsError
from bench.stats.matching import check_fixed
from bench.stats.quantiles import t_quantile
from bench.stats.runs import Runs, independent
from bench.stats.superiority import wilson
from bench.stats.units import grouped

Array = np.ndarray[Any, np.dtype[Any]]
FEWEST_FREEDOM = 4  # below, an interval of seeds alone says little


@dataclass(frozen=True)
class Row:
    """A mean with its interval.

    Attributes:
        mean: Mean over items and runs.
        low, high: Ends of the interval; None where there is nothing to make one from.
        covers: ``items and seeds``: holds for new items and new seeds. ``items``: for new items and these very
            models; the seeds' range stands apart. ``seeds``: for new seeds on these very items.
        seed_low, seed_high: Lowest and highest mean of a run.
        runs: Independent runs.
    """

    mean: float
    low: float | None
    high: float | None
    covers: str
    seed_low: float
    seed_high: float
    runs: int

    @property
    def note(self) -> str:
        """What the interval holds for, in one line."""
        return self.covers if self.covers == "items and seeds" else f"{self.covers} only"


def intervals(
    scores: Mapping[str, Array],
    groups: Sequence[object] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
    runs: Runs | None = None,
    deterministic: Collection[str] = (),
) -> dict[str, Row]:
    """Intervals of rows, each from its own scores: what stands beside a row does not change it.

    The variance of a mean is that of the crossed table. Below three seeds the interval is of items, and the range of
    the seeds stands apart. Between finite bounds the interval is Wilson's, with the number of items that would give
    this variance.

    Args:
        scores: Method -> (n, S) item scores whose mean is the metric; the methods may have different runs.
        groups: The group of each item.
        bounds: Least and largest value of the metric; infinite where it has none.
        runs: Method -> (seed, data seed) of each column.
        deterministic: Methods whose runs are all the same: they vary with the items alone.

    Raises:
        StatisticsError: Scores, groups or runs do not fit.
    """
    averaged, _ = independent({name: finite(values) for name, values in scores.items()}, runs)
    check_fixed(averaged, deterministic)
    found = {}
    for name, values in averaged.items():
        table = crossed(grouped(values, groups)[0])
        fixed = name in deterministic or bool(table.seeds > 1 and table.ms_residual == 0 and table.ms_seeds == 0)
        found[name] = _row(table, values.mean(0), bounds, level, fixed or bool(table.seeds >= FEWEST_SEEDS))
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
    return Row(mean, *ends, "seeds", float(values.min()), float(values.max()), len(values))


def _row(table: Crossed, means: Array, bounds: tuple[float, float], level: float, with_seeds: bool) -> Row:
    """The row of one analysis; ``means`` are those of its runs."""
    half = float((table if with_seeds else table.seeds_fixed()).half_width(level))
    unseen = t_quantile(table.units - 1, level) ** 2 / table.units
    low, high = _ends(float(table.mean), half, bounds, unseen)
    covers = "items and seeds" if with_seeds else "items"
    return Row(float(table.mean), low, high, covers, float(means.min()), float(means.max()), len(means))


def _ends(mean: float, half: float, bounds: tuple[float, float], none: float) -> tuple[float, float]:
    """Ends of the interval; between finite bounds Wilson's, ``none`` being his ratio when no variance was seen."""
    low, high = bounds
    if not np.isfinite([low, high]).all():
        return max(low, mean - half), min(high, mean + half)
    share = min(max((mean - low) / (high - low), 0.0), 1.0)
    spread = share * (1 - share)
    ratio = (half / (high - low)) ** 2 / spread if spread > 0 and half > 0 else none
    return tuple(low + end * (high - low) for end in wilson(share, ratio))  # type: ignore[return-value]
