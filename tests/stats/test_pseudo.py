"""Pseudo-values: the fast ones against leaving out each item, the metric against scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from bench.stats import StatisticsError, auc, balanced_accuracy, jackknife, macro_auc, macro_f1

CLASSES = 4


def sklearn_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    return float(f1_score(labels, predicted, average="macro", labels=np.unique(labels)))


@pytest.fixture(name="labels")
def some_labels() -> np.ndarray:
    return np.random.default_rng(0).choice(CLASSES, 60, p=[0.4, 0.3, 0.2, 0.1])


@pytest.fixture(name="predicted")
def some_predictions(labels: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.where(rng.random((3, 60)) < 0.7, labels, rng.integers(0, CLASSES, (3, 60)))


@pytest.mark.parametrize(
    ("fast", "metric"), [(macro_f1, sklearn_f1), (balanced_accuracy, balanced_accuracy_score)], ids=["f1", "balanced"]
)
def test_fast_values_are_those_of_leaving_out_each_item(
    fast: Callable[..., np.ndarray], metric: Callable[..., float], labels: np.ndarray, predicted: np.ndarray
) -> None:
    found = fast(labels, predicted, CLASSES)
    assert found.shape == (3, 60)
    assert found == pytest.approx(np.stack([jackknife(metric, labels, run) for run in predicted]))
    assert found.mean(1) == pytest.approx([metric(labels, run) for run in predicted])


def test_a_class_that_never_occurs_is_not_averaged_over(labels: np.ndarray, predicted: np.ndarray) -> None:
    more = macro_f1(labels, predicted, CLASSES + 2)
    assert more == pytest.approx(macro_f1(labels, predicted, CLASSES))
    elsewhere = predicted.copy()
    elsewhere[:, 0] = CLASSES  # predicted, though it has no item
    assert macro_f1(labels, elsewhere, CLASSES + 1).mean(1) == pytest.approx([sklearn_f1(labels, r) for r in elsewhere])


def test_auc_with_ties(labels: np.ndarray) -> None:
    positive = labels == 0
    scores = np.round(np.random.default_rng(2).normal(0, 1, (2, 60)) + positive, 1)
    found = auc(positive, scores)
    assert found == pytest.approx(np.stack([jackknife(roc_auc_score, positive, run) for run in scores]))
    assert found.mean(1) == pytest.approx([roc_auc_score(positive, run) for run in scores])


def test_macro_auc(labels: np.ndarray) -> None:
    scores = np.random.default_rng(3).random((2, 60, CLASSES)) + np.eye(CLASSES)[labels]
    expected = [np.mean([roc_auc_score(labels == c, run[:, c]) for c in range(CLASSES)]) for run in scores]
    assert macro_auc(labels, scores).mean(1) == pytest.approx(expected)


def test_accuracy_gives_right_or_wrong(labels: np.ndarray, predicted: np.ndarray) -> None:
    found = jackknife(lambda a, b: float((a == b).mean()), labels, predicted[0])
    assert found == pytest.approx((labels == predicted[0]).astype(float))


def test_the_spread_is_that_of_the_metric_over_new_items() -> None:
    rng, n, found, estimated = np.random.default_rng(4), 300, [], []
    for _ in range(600):
        labels = rng.choice(CLASSES, n, p=[0.4, 0.3, 0.2, 0.1])
        predicted = np.where(rng.random(n) < 0.8, labels, rng.integers(0, CLASSES, n))
        values = macro_f1(labels, predicted, CLASSES)
        found.append(values.mean())
        estimated.append(values.var(ddof=1) / n)
    assert np.var(found) == pytest.approx(np.mean(estimated), rel=0.15)


def test_metrics_that_need_an_item_say_so() -> None:
    with pytest.raises(StatisticsError, match="undefined without"):
        jackknife(lambda a: float("nan") if len(a) < 5 else 1.0, np.arange(5))
    with pytest.raises(StatisticsError, match="two items of each class"):
        auc(np.array([True, False, False]), np.arange(3.0))
