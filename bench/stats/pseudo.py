"""Item scores for metrics that are no mean over items: jackknife pseudo-values.

The pseudo-value of an item is n x metric - (n - 1) x metric without the item (Tukey 1958): what the item adds to the
metric. Their spread is the spread of the metric over new items, so that every test here works on them. They are moved
together so that their mean is the metric itself, not its jackknife estimate, and tables agree with comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import rankdata

from bench.stats.errors import StatisticsError

Array = np.ndarray[Any, np.dtype[Any]]


def jackknife(metric: Callable[..., float], *arrays: Array) -> Array:
    """Pseudo-values of any metric, by leaving out each item in turn: n + 1 calls.

    Args:
        metric: Called with the arrays, returns a number.
        arrays: Arrays with items on the first axis, such as targets and outputs.

    Raises:
        StatisticsError: The metric is not finite with some item left out: it needs that item.
    """
    n = len(arrays[0])
    full = float(metric(*arrays))
    without = np.empty(n)
    for item in range(n):
        kept = np.arange(n) != item
        without[item] = metric(*(array[kept] for array in arrays))
    if not np.isfinite([full, *without]).all():
        raise StatisticsError("The metric is undefined without some item; every class needs two items or more.")
    return pseudo_values(np.asarray(full), without)


def macro_f1(labels: Array, predicted: Array, classes: int) -> Array:
    """Pseudo-values of the mean F1 over the classes that occur among the labels.

    Leaving out an item changes the F1 of its class and of the class predicted, 2 x right / (items + predictions). The
    classes stay the same: one that loses its only item has F1 0.

    Args:
        labels: (n,) class numbers.
        predicted: (..., n) predicted classes; leading axes are runs or methods.

    Returns:
        (..., n).
    """
    labels, flat = np.asarray(labels), np.asarray(predicted).reshape(-1, len(labels))
    right, items, marked = _counts(labels, flat, classes)
    present, sizes = items > 0, items + marked
    f1 = _fraction(2 * right, sizes) * present
    wrong = flat != labels
    of_right, of_sizes = (np.take_along_axis(counts, flat, 1) for counts in (right, sizes))
    predicted_without = np.where(
        wrong, _fraction(2 * of_right, of_sizes - 1), _fraction(2 * (of_right - 1), of_sizes - 2)
    )
    change = (np.take_along_axis(f1, flat, 1) - predicted_without) * present[flat]
    change += wrong * (f1[:, labels] - _fraction(2 * right[:, labels], sizes[:, labels] - 1))
    full = f1.sum(1) / present.sum()
    return pseudo_values(full, full[:, None] - change / present.sum()).reshape(np.shape(predicted))


def balanced_accuracy(labels: Array, predicted: Array, classes: int) -> Array:
    """Pseudo-values of the mean recall over the classes that occur, as `macro_f1`."""
    labels, flat = np.asarray(labels), np.asarray(predicted).reshape(-1, len(labels))
    right, items, _ = _counts(labels, flat, classes)
    hits, count = right[:, labels], items[labels]
    change = _fraction(hits, count) - _fraction(hits - (flat == labels), count - 1)
    full = _fraction(right, items).sum(1) / (items > 0).sum()
    return pseudo_values(full, full[:, None] - change / (items > 0).sum()).reshape(np.shape(predicted))


def auc(positive: Array, scores: Array) -> Array:
    """Pseudo-values of the area under the ROC curve; ties count one half.

    From ranks, as in Sun and Xu (IEEE Signal Process. Lett. 2014): an item's share of the area is its rank among all
    less its rank among its own kind.

    Args:
        positive: (n,) which items are of the positive class; two or more of each.
        scores: (..., n) higher for positive.

    Returns:
        (..., n).
    """
    positive = np.asarray(positive, bool)
    counts = np.array([(~positive).sum(), positive.sum()])
    if counts.min() < 2:
        raise StatisticsError("The area under the curve needs two items of each class.")
    among_all, shares = rankdata(scores, axis=-1), np.empty(np.shape(scores))
    for kind in (positive, ~positive):
        shares[..., kind] = among_all[..., kind] - rankdata(np.asarray(scores)[..., kind], axis=-1)
    shares[..., ~positive] = counts[1] - shares[..., ~positive]  # positives above, not below
    pairs = shares[..., positive].sum(-1)
    left = np.where(positive, (counts[1] - 1) * counts[0], (counts[0] - 1) * counts[1])
    return pseudo_values(pairs / counts.prod(), (pairs[..., None] - shares) / left)


def macro_auc(labels: Array, scores: Array) -> Array:
    """Pseudo-values of the mean one-vs-rest area over the classes that occur: the mean of the classes' own.

    Args:
        labels: (n,) class numbers.
        scores: (..., n, C).
    """
    return np.mean([auc(labels == c, np.asarray(scores)[..., c]) for c in np.unique(labels)], axis=0)


def pseudo_values(full: Array, without: Array) -> Array:
    """Pseudo-values (..., n) with the metric as their mean, from the metric and the metric without each item."""
    n = without.shape[-1]
    return full[..., None] + (n - 1) * (without.mean(-1, keepdims=True) - without)


def _counts(labels: Array, predicted: Array, classes: int) -> tuple[Array, Array, Array]:
    """(n,) and (runs, n) -> right answers (runs, C), items (C,) and predictions (runs, C) of each class."""
    items = np.bincount(labels, minlength=classes)
    shifted = predicted + classes * np.arange(len(predicted))[:, None]
    marked = np.bincount(shifted.ravel(), minlength=classes * len(predicted)).reshape(-1, classes)
    right = np.bincount(shifted[predicted == labels], minlength=classes * len(predicted)).reshape(-1, classes)
    return right, items, marked


def _fraction(part: Array, whole: Array) -> Array:
    """part / whole, 0 where nothing is counted."""
    return np.asarray(part / np.maximum(whole, 1))
