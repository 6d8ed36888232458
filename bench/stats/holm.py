"""Many comparisons at once: Holm's adjustment, and which comparisons could never have been significant."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def holm(p: Array) -> Array:
    """Adjusted p-values: the chance of any false finding stays below alpha among those below alpha (Holm 1979).

    Args:
        p: (..., m); the last axis is one family.
    """
    p = np.asarray(p, float)
    order = np.argsort(p, axis=-1, kind="stable")
    steps = p.shape[-1] - np.arange(p.shape[-1])
    climbing = np.maximum.accumulate(np.take_along_axis(p, order, -1) * steps, axis=-1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(climbing, 1.0), -1)
    return adjusted


def untestable(p: Array, smallest: Array, alpha: float) -> Array:
    """Which comparisons could not have been found even with all that differs on one side, the others as they are.

    Args:
        p: (m,) p-values of a family.
        smallest: (m,) the least p that each comparison's data could give.
    """
    p, ordered = np.asarray(p, float), np.sort(p)
    found = int((holm(p) <= alpha).sum())
    before = np.searchsorted(ordered, smallest, side="left")
    reachable = (before <= found) & (np.asarray(smallest) * (len(p) - before) <= alpha)
    return ~reachable & (holm(p) > alpha)
