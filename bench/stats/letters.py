"""Rank ranges and compact letters: what a table says after all pairs are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def rank_ranges(better: Array) -> list[tuple[int, int]]:
    """Best and worst rank that each of k methods may have: 1 + those found better .. k - those found worse.

    Args:
        better: (k, k); ``better[a, b]`` says that a was found better than b.
    """
    above, below = better.sum(0), better.sum(1)
    return [(1 + int(up), len(better) - int(down)) for up, down in zip(above, below, strict=True)]


def letters(different: Array, order: Sequence[int] | None = None) -> list[str]:
    """Compact letters: methods share a letter exactly when they were not found different.

    Each letter is a largest set of methods without a difference inside; sets are taken until each pair without a
    difference is in one (Piepho, J. Comput. Graph. Stat. 2004, gives the display; the sets are found greedily, as his
    insertion can take exponentially many). After ``z`` come ``a2``, ``b2``, ... ``a3``.

    Args:
        different: (k, k) symmetric; which pairs were found different.
        order: Methods from best to worst; the best gets ``a``.
    """
    alike = ~np.asarray(different, bool)
    order = list(range(len(alike)) if order is None else order)
    alike = alike[np.ix_(order, order)] | np.eye(len(order), dtype=bool)
    columns = _swept(_cover(alike))
    found = [""] * len(order)
    for number, column in enumerate(sorted(columns, key=lambda c: np.flatnonzero(c).tolist())):
        for place in np.flatnonzero(column):
            found[order[place]] += _letter(number)
    return found


def _cover(alike: Array) -> list[Array]:
    """Sets of methods, all alike inside, that hold each pair which is alike; the farthest pairs first."""
    columns, covered = [], np.zeros_like(alike)
    for one in range(len(alike)):
        for other in range(len(alike) - 1, one - 1, -1):
            if not alike[one, other] or covered[one, other]:
                continue
            column = np.zeros(len(alike), bool)
            column[[one, other]] = True
            open_to = alike[one] & alike[other] & ~column
            while open_to.any():
                member = int(np.argmax(open_to))
                column[member] = True
                open_to &= alike[member]
                open_to[member] = False
            covered |= np.outer(column, column)
            columns.append(column)
    return columns


def _swept(columns: list[Array]) -> list[Array]:
    """The columns without those whose every pair is in another one too."""
    if not columns:
        return []
    held = np.zeros((len(columns[0]), len(columns[0])), int)
    for column in columns:
        held[np.ix_(column, column)] += 1
    kept = []
    for column in columns:
        inside = np.ix_(column, column)
        if (held[inside] > 1).all():
            held[inside] -= 1
        else:
            kept.append(column)
    return kept


def _letter(number: int) -> str:
    return chr(ord("a") + number % 26) + (str(number // 26 + 1) if number >= 26 else "")
