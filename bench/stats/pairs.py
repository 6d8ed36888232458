"""Two methods on the same items and runs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from bench.stats.comparison import Comparison
from bench.stats.comparison_group import compare_all
from bench.stats.mde import ALPHA

Array = np.ndarray[Any, np.dtype[Any]]


def compare(
    a: Array,
    b: Array,
    groups: Sequence[object] | None = None,
    alpha: float = ALPHA,
    runs: Sequence[tuple[Hashable, Hashable]] | None = None,
    names: tuple[str, str] = ("A", "B"),
    higher_is_better: bool = True,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Comparison:
    """Compare two methods by themselves: `compare_all` for one pair, whose seeds are all that is known of seeds.

    Args:
        a: (n, S) score of A for each item and run.
        b: (n, S) of B, the same items and runs.
        groups: The group of each item: groups are then the units.
        runs: (seed, data seed) of each column.
        bounds: Least and largest value of the metric; infinite where it has none.

    Raises:
        StatisticsError: The scores do not fit together.
    """
    scores = {names[0]: np.asarray(a, float), names[1]: np.asarray(b, float)}
    both = None if runs is None else dict.fromkeys(names, runs)
    verdicts = compare_all(scores, groups, alpha, both, higher_is_better=higher_is_better, bounds=bounds)
    return verdicts.pair(*names)
