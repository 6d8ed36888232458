"""Two trained models on the same items: the mid-p McNemar test."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import bdtr
from scipy.stats import binom

Array = np.ndarray[Any, np.dtype[Any]]


def midp(first: Array, second: Array) -> Array:
    """Two-sided mid-p of McNemar's test from discordant counts.

    Given that exactly one of the models is right, either is with probability one half; the observed split counts
    half. It kept its level in all scenarios of Fagerland, Lydersen and Laake (BMC Med. Res. Methodol. 2013), where
    the exact test is too cautious. 1 when the counts are equal or both zero.

    Args:
        first: Items that only the first model gets right; any shape.
        second: Items that only the second gets right.
    """
    first, second = np.asarray(first, int), np.asarray(second, int)
    fewer, both = np.minimum(first, second), first + second
    tail = bdtr(fewer, both, 0.5)
    at = tail - np.where(fewer > 0, bdtr(np.maximum(fewer - 1, 0), np.maximum(both, 1), 0.5), 0.0)
    return np.where(first == second, 1.0, np.minimum(2 * tail - at, 1.0))


def midp_pairs(scores: Array) -> Array:
    """The same for each pair of k methods with a few runs each: (k, n, S) scores of 0 or 1 -> (k, k).

    With S runs an item's net difference is -S .. S. Exchanging the methods turns its sign, so the sum of the net
    differences is compared with all ways of turning signs; with one run that is McNemar's test.
    """
    runs = scores.shape[-1]
    totals = np.rint(scores.sum(-1)).astype(int)
    levels = [(totals == level).astype(float) for level in range(runs + 1)]
    net = {
        step: sum(levels[low + step] @ levels[low].T for low in range(runs + 1 - step)) for step in range(1, runs + 1)
    }
    if runs == 1:
        return midp(net[1], net[1].T)
    found = np.ones((len(scores), len(scores)))
    for a, b in zip(*np.triu_indices(len(scores), 1), strict=True):
        counts = [int(net[step][a, b] + net[step][b, a]) for step in net]
        total = sum(step * int(net[step][a, b] - net[step][b, a]) for step in net)
        found[a, b] = found[b, a] = _turned(counts, total)
    return found


def _turned(counts: list[int], total: int) -> float:
    """Mid-p of |total| among all sums of ``counts[j]`` coins worth +-(j + 1)."""
    if total == 0:
        return 1.0
    ways = np.ones(1)
    for size, count in enumerate(counts, start=1):
        coins = np.zeros(2 * size * count + 1)  # the sums -size * count .. size * count
        coins[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        ways = np.convolve(ways, coins)
    sums = np.abs(np.arange(len(ways)) - len(ways) // 2)
    return float(ways[sums > abs(total)].sum() + ways[sums == abs(total)].sum() / 2)
