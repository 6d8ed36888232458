"""What the table counts as independent: items, or the groups (patients, slides, domains) that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.stats.errors import StatisticsError

Array = np.ndarray[Any, np.dtype[Any]]


def grouped(scores: Array, groups: Sequence[object] | Array | None) -> tuple[Array, Array]:
    """Item scores -> unit scores, one unit a group; the items themselves where there are no groups.

    The mean over items is a ratio, summed scores by summed sizes, and both vary from group to group. A group's score
    is the ratio's linear part, mean + (sum of its scores - mean x its size) / average size, whose mean is the mean
    over items exactly (Cochran, "Sampling Techniques", section 9.3). With equal sizes it is the group's mean.

    Args:
        scores: (..., n, S).
        groups: The group of each item.

    Returns:
        Scores of the units (..., G, S), and what tells whether a unit differs at all (..., G): sums over its items
        and seeds. For differences of methods both may be subtracted.

    Raises:
        StatisticsError: The groups do not fit, or all items are of one group.
    """
    scores = np.asarray(scores, dtype=float)
    if groups is None:
        return scores, scores.mean(-1)
    codes, sizes = _codes(groups, scores.shape[-2])
    belongs = (np.arange(len(sizes))[:, None] == codes).astype(float)
    sums = belongs @ scores
    mean = scores.mean((-2, -1), keepdims=True)
    return mean + (sums - mean * sizes[:, None]) / sizes.mean(), sums.sum(-1)


def _codes(groups: Sequence[object] | Array, n: int) -> tuple[Array, Array]:
    """Number of each item's group, and the groups' sizes."""
    if len(groups) != n:
        raise StatisticsError(f"There are {n} items but {len(groups)} groups; give one group for each item.")
    known: dict[object, int] = {}
    codes = np.array([known.setdefault(group, len(known)) for group in groups])
    if len(known) < 2:
        raise StatisticsError("All items are of one group: nothing says how much groups differ. Leave groups out.")
    return codes, np.bincount(codes)
