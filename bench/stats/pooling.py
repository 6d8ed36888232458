"""Seed variance borrowed from the other methods of a comparison group.

Three seeds leave two degrees of freedom to a method's seed variance: Student's quantile is 4.3 at 5 % and 24 at Holm's
level for 28 pairs, so that nothing could ever be separated. Methods of one group tell more together. What is pooled is
the ratio of the seeds' mean square to the residual's, which is 1 when seeds change single answers but not the
methods' level; a deterministic method has neither. A pair whose own seeds vary more than that keeps its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.stats.crossed import Crossed

Array = np.ndarray[Any, np.dtype[Any]]


def pooled(table: Crossed, freedom: float, among: Array | None = None) -> Crossed:
    """The same tables with the group's seed variance.

    Args:
        table: Analyses of pairs (..., k, k); leading axes are many groups.
        freedom: Degrees of freedom of the pooled ratio.
        among: Which of them the ratio is taken from; all with a residual unless given.
    """
    known = (table.ms_residual > 0) & (True if among is None else among)
    weights = np.where(known, table.seeds - 1.0, 0.0)
    ratios = np.where(known, table.ms_seeds / np.where(known, table.ms_residual, 1.0), 0.0)
    total = weights.sum((-2, -1), keepdims=True)
    ratio = (weights * ratios).sum((-2, -1), keepdims=True) / np.where(total > 0, total, 1.0)
    return replace(
        table,
        ms_seeds=np.maximum(table.ms_seeds, ratio * table.ms_residual),
        seed_freedom=max(freedom, table.seed_freedom),
    )
