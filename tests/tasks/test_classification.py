"""Every metric against scikit-learn, and the edges it leaves open."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as sk

from bench.core.errors import NonFiniteLoss
from bench.tasks.classification import absent_classes, accuracy, classification


@st.composite
def splits(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels and logits; some draws lack classes, have ties, or hold a single class."""
    classes, n, seed = draw(st.integers(2, 7)), draw(st.integers(1, 60)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, draw(st.integers(1, classes)), n)
    logits = rng.normal(size=(n, classes)) * draw(st.sampled_from([0.1, 1.0, 5.0]))
    return labels, np.round(logits, draw(st.integers(0, 6))).astype(np.float32)


@given(splits())
def test_classification_equals_scikit_learn(split: tuple[np.ndarray, np.ndarray]) -> None:
    labels, logits = split
    found, predicted = classification(labels, logits), logits.argmax(1)
    probabilities = softmax(logits.astype(np.float64), axis=1)
    macro = dict(labels=np.unique(labels), average="macro", zero_division=0)
    p, r, f1, _ = sk.precision_recall_fscore_support(labels, predicted, **macro)
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": r,
        "macro_precision": p,
        "macro_recall": r,
        "macro_f1": f1,
        "paper_f1": 2 * p * r / (p + r) if p + r else 0.0,
        "nll": sk.log_loss(labels, probabilities, labels=range(logits.shape[1])),
        "auc": _auc(labels, probabilities),
        "ece": _ece(labels, probabilities),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name
    assert accuracy(labels, logits) == found["accuracy"]


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    return float(np.mean([sk.roc_auc_score(labels == c, probabilities[:, c]) for c in present]))


def _ece(labels: np.ndarray, probabilities: np.ndarray) -> float:
    confidence, correct, total = probabilities.max(1), probabilities.argmax(1) == labels, 0.0
    edges = np.linspace(0, 1, 16)
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def test_all_classes_present_equals_scikit_learn_defaults() -> None:
    rng = np.random.default_rng(0)
    labels, logits = np.arange(200) % 5, rng.normal(size=(200, 5))
    found, predicted = classification(labels, logits), logits.argmax(1)
    assert found["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    probabilities = softmax(logits, axis=1)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(labels, probabilities, multi_class="ovr"))


def test_two_classes_give_the_binary_auc() -> None:
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(0, 2, 50), rng.normal(size=(50, 2))
    expected = sk.roc_auc_score(labels, softmax(logits, axis=1)[:, 1])
    assert classification(labels, logits)["auc"] == pytest.approx(expected)


def test_absent_classes_are_named_and_not_averaged_over() -> None:
    labels, logits = np.array([0, 0, 2, 2]), np.eye(4)[[0, 3, 2, 2]]
    assert absent_classes(labels, 4) == [1, 3]
    assert classification(labels, logits)["macro_recall"] == 0.75
    assert classification(labels, logits)["macro_precision"] == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_logits_are_an_error(bad: float) -> None:
    with pytest.raises(NonFiniteLoss, match="finite"):
        classification(np.array([0, 1]), np.array([[0.0, 1.0], [bad, 0.0]]))


@pytest.mark.parametrize(
    ("labels", "logits"),
    [([0, 2], np.zeros((2, 2))), ([-1, 0], np.zeros((2, 2))), ([0], np.zeros((2, 2))), ([], np.zeros((0, 2)))],
)
def test_labels_that_do_not_fit_are_an_error(labels: list[int], logits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="labels"):
        classification(np.array(labels, dtype=int), logits)


def test_extreme_logits_stay_finite() -> None:
    found = classification(np.array([0, 1]), np.array([[1e30, -1e30], [1e30, -1e30]]))
    assert np.isfinite([found[k] for k in ("nll", "ece", "auc", "macro_f1")]).all()
