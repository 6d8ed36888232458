"""Ranking of the samples that have a label: average precision and the area under the ROC curve, also without each item.

Both are computed by blocks of equal scores, as scikit-learn does; NaN where a label has no item or every item.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

Array = np.ndarray[Any, np.dtype[Any]]


def average_precision(positive: Array, scores: Array) -> float:
    """The mean over positive items of the precision at their score; NaN without one."""
    found, marked, _ = _blocks(positive, scores)
    gained = np.diff(found, prepend=0)
    return float((gained * found / marked).sum() / found[-1]) if len(found) and found[-1] else float("nan")


def average_precision_without(positive: Array, scores: Array) -> Array:
    """Average precision (n,) without each item; where that leaves no positive one, the whole's.

    Leaving an item out changes nothing above its score; below, one item fewer is marked, and one fewer found if it is
    positive.
    """
    found, marked, of = _blocks(positive, scores)
    whole = average_precision(positive, scores)
    is_positive = np.asarray(positive, dtype=float)
    if not len(found) or found[-1] == 0:
        return np.full(len(is_positive), whole)
    gained, fewer = np.diff(found, prepend=0), np.maximum(marked - 1, 1)
    above = np.concatenate([[0], np.cumsum(gained * found / marked)])[:-1]
    below, ones = (_after(gained * part / fewer) for part in (found, np.ones_like(found)))
    own = (gained[of] - is_positive) * (found[of] - is_positive) / fewer[of]
    left = found[-1] - is_positive
    total = above[of] + own + below[of] - is_positive * ones[of]
    return np.where(left > 0, total / np.maximum(left, 1), whole)


def _blocks(positive: Array, scores: Array) -> tuple[Array, Array, Array]:
    """Of blocks of equal scores, the highest first: positive items and items so far; and each item's block."""
    _, of = np.unique(-np.asarray(scores), return_inverse=True)
    of = of.reshape(-1)
    found = np.cumsum(np.bincount(of, weights=np.asarray(positive, dtype=float)))
    return found, np.cumsum(np.bincount(of)).astype(float), of


def _after(values: Array) -> Array:
    """The sum of what comes after each block."""
    return np.concatenate([np.cumsum(values[::-1])[::-1][1:], [0.0]])


def area(positive: Array, scores: Array) -> float:
    """The area under the ROC curve, ties one half; NaN where one kind lacks items."""
    positive = np.asarray(positive, dtype=bool)
    pairs = int(positive.sum()) * int((~positive).sum())
    return float(_shares(positive, scores)[positive].sum() / pairs) if pairs else float("nan")


def area_without(positive: Array, scores: Array) -> Array:
    """The area (n,) without each item; where that leaves one kind without items, the whole's."""
    positive, whole = np.asarray(positive, dtype=bool), area(positive, scores)
    counts = int(positive.sum()), int((~positive).sum())
    if not all(counts):
        return np.full(len(positive), whole)
    shares = _shares(positive, scores)
    left = np.where(positive, (counts[0] - 1) * counts[1], counts[0] * (counts[1] - 1))
    return np.where(left > 0, (shares[positive].sum() - shares) / np.maximum(left, 1), whole)


def _shares(positive: Array, scores: Array) -> Array:
    """(n,) pairs of an item and one of the other kind that are ordered rightly."""
    scores = np.asarray(scores)
    among_all, shares = rankdata(scores), np.empty(len(scores))
    for kind in (positive, ~positive):
        shares[kind] = among_all[kind] - rankdata(scores[kind])
    shares[~positive] = positive.sum() - shares[~positive]
    return shares
