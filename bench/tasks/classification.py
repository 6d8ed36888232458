"""Classification: one class a sample, judged from logits; each metric is tested against scikit-learn.

Classes without a sample in the split are never averaged over: recall and AUC are undefined for them. Predicting
such a class is an error of the sample's true class. `absent_classes` names them, so that records can say so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.core.errors import NonFiniteLoss
from bench.stats.calibration import expected_calibration_error
from bench.stats.confusion import confusion_matrix
from bench.stats.softmax import softmax
from bench.tasks.base import Metric, Outputs, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from torch import Tensor

    from bench.cells.recipes import Recipe
    from bench.tasks.found import Found


class Classification(Task):
    """One of C classes a sample; cross-entropy of logits (B, C) against class numbers (B,)."""

    title = "Classification"
    single_label = True
    weighs_classes = True
    mixes = True
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", per_item=True),
        Metric("balanced_accuracy"),
        Metric("macro_precision"),
        Metric("macro_recall"),
        Metric("macro_f1", shown=True),
        Metric("paper_f1"),
        Metric("auc"),
        Metric("nll", unit="nats", high=math.inf, higher_is_better=False, decimals=4, per_item=True),
        Metric("ece", higher_is_better=False),
    )

    def __init__(self, weights: np.ndarray | None = None) -> None:
        self.weights = weights  # (C,) of the classes' training samples; None until bound to a table

    def bound(self, table: pd.DataFrame, classes: int) -> Classification:
        """The task with the weights that ``class_weight=balanced`` gives the classes."""
        return type(self)(balanced_weights(table, classes))

    def output_shape(self, outputs: int) -> tuple[int | None, ...]:
        return (outputs,)

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        return table["label"].to_numpy(dtype=np.int64)

    def soft(self, targets: Tensor, classes: int) -> Tensor:
        from torch.nn.functional import one_hot

        return one_hot(targets, classes).float()

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        from torch.nn.functional import cross_entropy

        if recipe.class_weight is None:
            return cross_entropy(outputs, targets, label_smoothing=recipe.label_smoothing)
        assert self.weights is not None, "class weights need the task to be bound to its table"
        losses = cross_entropy(outputs, targets, label_smoothing=recipe.label_smoothing, reduction="none")
        # the mean over samples, not over weights, which would make a sample's share depend on who shares its batch
        return (losses * losses.new_tensor(self.weights)[targets]).mean()

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        return classification(targets, outputs["logits"])

    def score(self, targets: np.ndarray, outputs: Outputs) -> float:
        return accuracy(targets, outputs["logits"])

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        labels, logits = _checked(targets, outputs["logits"])
        if metric == "accuracy":
            return (logits.argmax(1) == labels).astype(float)
        if metric == "nll":
            return -_log_softmax(logits)[np.arange(len(labels)), labels]
        from bench.stats import pseudo

        predicted, classes = logits.argmax(1), logits.shape[1]
        if metric == "macro_f1":
            return pseudo.macro_f1(labels, predicted, classes)
        if metric in ("balanced_accuracy", "macro_recall"):
            return pseudo.balanced_accuracy(labels, predicted, classes)
        if metric == "auc":
            return pseudo.macro_auc(labels, softmax(logits))
        return _left_out_by_kind(labels, logits, metric)

    def read_out(self, found: Found) -> np.ndarray:
        """Probabilities (C,), float64."""
        probabilities: np.ndarray = softmax(found.outputs["logits"][None].astype(float))[0]
        return probabilities

    def columns(self, names: Sequence[str]) -> list[str]:
        return ["predicted", "confidence", *(f"p({name})" for name in names)]

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        shares = self.read_out(found)
        best = int(shares.argmax())
        return [[names[best], *(f"{value:.6f}" for value in (shares[best], *shares))]]


def balanced_weights(table: pd.DataFrame, classes: int) -> np.ndarray:
    """Weights (C,) n / (C n_c) of classes with n_c of n training samples, as scikit-learn's "balanced": their mean over
    the samples is 1 where every class has some. A class without samples gets 0, since no sample asks for it."""
    counts = np.bincount(table["label"][table["split"] == "train"], minlength=classes)
    return np.divide(counts.sum(), classes * counts, out=np.zeros(classes), where=counts > 0)


def _left_out_by_kind(labels: np.ndarray, logits: np.ndarray, metric: str) -> np.ndarray:
    """Pseudo-values (n,) shifted to the metric's mean, by leaving out samples: one of each kind where only label and
    prediction count, else each."""
    whole, n = classification(labels, logits)[metric], len(labels)
    kinds = np.arange(n) if metric == "ece" else labels * logits.shape[1] + logits.argmax(1)
    _, firsts, of = np.unique(kinds, return_index=True, return_inverse=True)
    kept = np.arange(n)
    without = np.array([classification(labels[kept != i], logits[kept != i])[metric] for i in firsts])[of]
    values = n * whole - (n - 1) * without
    return values - values.mean() + whole


def classification(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """All metrics of one split.

    Args:
        labels: (n,) class numbers 0..C-1, n >= 1.
        logits: (n, C) unnormalised log-probabilities, C >= 2.

    Returns:
        Fractions 0..1: ``accuracy``, ``balanced_accuracy``, ``macro_precision``, ``macro_recall``, ``macro_f1`` (mean
        of the classes' F1), ``paper_f1`` (2PR/(P+R) of macro P and R, as CLAdapter's tables use), ``auc``, ``ece``;
        and ``nll`` in nats. ``auc`` is NaN when fewer than two classes occur.

    Raises:
        NonFiniteLoss: A logit is not a finite number.
        ValueError: The shapes do not fit, or a label is no class number.
    """
    labels, logits = _checked(labels, logits)
    present = np.unique(labels)
    confusion = confusion_matrix(labels, logits.argmax(1), logits.shape[1])
    hits = np.diag(confusion)[present].astype(float)
    precision = _divide(hits, confusion.sum(0)[present])
    recall = hits / confusion.sum(1)[present]
    macro_precision, macro_recall = float(precision.mean()), float(recall.mean())
    probabilities = softmax(logits)
    return {
        "accuracy": float(hits.sum() / len(labels)),
        "balanced_accuracy": macro_recall,
        "macro_precision": macro_precision,
        "macro_recall": macro_recall,
        "macro_f1": float(_harmonic(precision, recall).mean()),
        "paper_f1": float(_harmonic(np.array(macro_precision), np.array(macro_recall))),
        "auc": macro_auc(labels, probabilities),
        "nll": float(-_log_softmax(logits)[np.arange(len(labels)), labels].mean()),
        "ece": expected_calibration_error(labels, probabilities),
    }


def accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Fraction of samples whose largest logit is at the label; of equal logits the first class counts."""
    labels, logits = _checked(labels, logits)
    return float((logits.argmax(1) == labels).mean())


def absent_classes(labels: np.ndarray, classes: int) -> list[int]:
    """The classes 0..classes-1 that no label names; macro averages leave them out."""
    return sorted(set(range(classes)) - set(np.unique(labels).tolist()))


def macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean one-vs-rest area under the ROC curve over the classes that occur; ties count one half.

    With two classes this is the usual binary AUC. NaN when fewer than two classes occur.

    Args:
        labels: (n,) class numbers.
        probabilities: (n, C).
    """
    present = np.unique(labels)
    if len(present) < 2:
        return math.nan
    return float(np.mean([_auc(probabilities[:, c][labels == c], probabilities[:, c][labels != c]) for c in present]))


def _checked(labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int64 labels and float64 logits, so that metrics do not depend on the logits' precision."""
    labels, logits = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    if labels.ndim != 1 or logits.ndim != 2 or len(labels) != len(logits) or not len(labels) or logits.shape[1] < 2:
        raise ValueError(f"labels (n,) and logits (n, C >= 2) do not fit: {labels.shape}, {logits.shape}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels must be whole numbers 0..{logits.shape[1] - 1}")
    if not np.isfinite(logits).all():
        raise NonFiniteLoss("The predictions hold a value that is not a finite number. Lower the learning rate.")
    return labels.astype(np.int64), logits


def _auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Share of pairs in which the positive sample scores higher (Mann-Whitney U over its maximum)."""
    negative = np.sort(negative)
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.mean() / (2 * len(negative)))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """(n, C) log-probabilities; scipy.special would add a third of a second to every start."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient, 0 where the bottom is 0: the precision of a class that is never predicted."""
    return np.divide(top, bottom, out=np.zeros_like(top, dtype=float), where=bottom > 0)


def _harmonic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _divide(2 * a * b, a + b)
