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
    return _values(np.asarray(full), without)


def macro_f1(labels: Array, predicted: Array, classes: int) -> Array:
    """Pseudo-values of the mean F1 over the classes that occur among the labels.

    Leaving out an item changes two cells of the confusion matrix, so items of one label and one prediction share a
    value and nothing is computed for each item.

    Args:
        labels: (n,) class numbers.
        predicted: (..., n) predicted classes; leading axes are runs or methods.

    Returns:
        (..., n).
    """
    return _by_cell(labels, predicted, classes, _f1)


def balanced_accuracy(labels: Array, predicted: Array, classes: int) -> Array:
    """Pseudo-values of the mean recall over the classes that occur, like `macro_f1`."""
    return _by_cell(labels, predicted, classes, _recall)


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
    return _values(pairs / counts.prod(), (pairs[..., None] - shares) / left)


def macro_auc(labels: Array, scores: Array) -> Array:
    """Pseudo-values of the mean one-vs-rest area over the classes that occur: the mean of the classes' own.

    Args:
        labels: (n,) class numbers.
        scores: (..., n, C).
    """
    return np.mean([auc(labels == c, np.asarray(scores)[..., c]) for c in np.unique(labels)], axis=0)


def _values(full: Array, without: Array) -> Array:
    """Pseudo-values (..., n) with the metric as their mean, from the metric and the metric without each item."""
    n = without.shape[-1]
    return full[..., None] + (n - 1) * (without.mean(-1, keepdims=True) - without)


def _by_cell(labels: Array, predicted: Array, classes: int, metric: Callable[[Array, Array], Array]) -> Array:
    """Pseudo-values of a metric of the confusion matrix; ``metric(confusion, present)``."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    counts = np.bincount(labels, minlength=classes)
    if (counts == 1).any():
        raise StatisticsError(f"Class {int(np.argmax(counts == 1))} has one item; without it the metric is another.")
    cells = labels * classes + predicted
    flat = cells.reshape(-1, cells.shape[-1])
    shifted = flat + classes**2 * np.arange(len(flat))[:, None]
    confusion = np.bincount(shifted.ravel(), minlength=len(flat) * classes**2).reshape(len(flat), classes, classes)
    present = counts > 0
    full = metric(confusion, present)
    without = np.empty((len(flat), classes**2))
    for cell in range(classes**2):
        less = confusion.copy()
        less[:, cell // classes, cell % classes] -= 1
        without[:, cell] = metric(less, present)
    values = _values(full, np.take_along_axis(without, flat, axis=1))
    return values.reshape(cells.shape)


def _f1(confusion: Array, present: Array) -> Array:
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    marks = confusion.sum(-1) + confusion.sum(-2)
    return (2 * hits / np.maximum(marks, 1))[..., present].mean(-1)


def _recall(confusion: Array, present: Array) -> Array:
    hits, counts = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1)
    return (hits / np.maximum(counts, 1))[..., present].mean(-1)
