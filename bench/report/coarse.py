"""Outputs (n, C) with fewer bits where a row's entry is neither its target nor among its two largest.

Every such entry goes up or down to a number of few bits, the way that keeps the sum of the row's exponentials, as far
as it has come, nearest to what it was. So the probabilities of target and largest, and with them the loss and the
calibration, stay what they were, where rounding each by itself would make their sum larger (an exponential is convex).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

LARGEST = 2  # entries of a row that stay exact: the first, and the one that it is told from
IN_BITS = range(1, 9)


def coarser(array: np.ndarray, targets: np.ndarray, bits: int) -> np.ndarray:
    """Outputs (n, C), as they are for each row's target (n,), its two largest and what has the lowest value of all (a
    floor), and in so many bits else.

    Nothing passes the largest ones or the floor, and what has no more bits stays as it is: doing it again changes
    nothing.
    """
    values, exact = array.astype(np.float64), _exact(array, targets)
    low, high = (np.where(exact, values, numbers) for numbers in _around(values, bits))
    low = np.maximum(low, values.min())
    smallest = np.partition(values, -LARGEST, axis=1)[:, -LARGEST, None]  # of the largest
    return _chosen(values, low, np.where(high <= smallest, high, np.where(exact, values, low))).astype(array.dtype)


def may_be_coarse(array: np.ndarray, targets: np.ndarray | None) -> bool:
    """Whether targets are an entry of each row, and there are entries that need not be exact."""
    if targets is None or array.ndim != 2 or array.size == 0 or targets.shape != array.shape[:1]:
        return False
    indices = targets.dtype.kind in "iu" and targets.min() >= 0 and targets.max() < array.shape[1]
    return bool(indices) and not _exact(array, targets).all()


def is_coarse(array: np.ndarray, targets: np.ndarray | None) -> bool:
    """Whether entries that need not be exact have fewer bits than those that are."""
    if targets is None or not may_be_coarse(array, targets):
        return False
    exact = _exact(array, targets)
    return _bits(array[~exact]) < _bits(array[exact])


def coarse_forms(array: np.ndarray, targets: np.ndarray | None) -> Iterator[np.ndarray]:
    """Outputs as they are, and in all fewer numbers of bits that there may be."""
    yield array
    if targets is not None and may_be_coarse(array, targets):
        yield from (coarser(array, targets, bits) for bits in IN_BITS)


def _exact(array: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which entries stay as they are; of equal ones the earlier are the largest."""
    exact: np.ndarray = array == array.min()
    np.put_along_axis(exact, np.argsort(-array, axis=1, kind="stable")[:, :LARGEST], True, 1)
    exact[np.arange(len(array)), targets] = True
    return exact


def _around(values: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The next numbers of so many significant bits below and above."""
    step = np.ldexp(1.0, np.frexp(values)[1] - bits)
    return np.floor(values / step) * step, np.ceil(values / step) * step


def _chosen(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Of two numbers for each entry the one that leaves the smaller error; from a row's largest to its smallest, each
    with the error of those before it."""
    found, rows, error = values.copy(), np.arange(len(values)), np.zeros(len(values))
    for places in np.argsort(-values, axis=1, kind="stable").T:
        wanted = np.exp(values[rows, places]) + error
        down, up = low[rows, places], high[rows, places]
        found[rows, places] = np.where(np.abs(np.exp(up) - wanted) < np.abs(np.exp(down) - wanted), up, down)
        error = wanted - np.exp(found[rows, places])
    return found


def _bits(numbers: np.ndarray) -> int:
    """Significant bits that numbers have, the most of any; as many as are asked about where they have more."""
    fraction = np.frexp(numbers.astype(np.float64))[0]
    return next((bits for bits in IN_BITS if np.array_equal(scaled := fraction * 2**bits, np.round(scaled))),
                IN_BITS[-1] + 1)  # fmt: skip
