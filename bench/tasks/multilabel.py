"""Several labels a sample, each present or not; metrics are tested against scikit-learn.

Means over labels leave out those that no sample of the split has: nothing can be ranked there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.core.errors import NonFiniteLoss
from bench.stats.pseudo import pseudo_values
from bench.stats.ranked import area, area_without, average_precision, average_precision_without
from bench.tasks.base import HeadSpec, Metric, Outputs, Task
from bench.tasks.inspection import Inspection, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from torch import Tensor

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.tasks.found import Found


class Multilabel(Task):
    """Any of L labels a sample, 0 or 1 in the table's column ``labels``, tuples; binary cross-entropy of logits (B, L).

    A label is predicted where its probability exceeds one half. Mean average precision, the mean area under the curve
    and F1 rank or count the samples of a label together, so a sample's score there is its jackknife pseudo-value.
    """

    title = "Multi-label classification"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("map"),
        Metric("auc", shown=True),
        Metric("macro_f1", shown=True),
        Metric("label_accuracy", per_item=True),
        Metric("exact_match", per_item=True),
        Metric("nll", unit="nats", high=math.inf, higher_is_better=False, decimals=4, per_item=True),
    )
    vectors = True
    mixes = True

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...], kind: str = "") -> HeadSpec:
        return replace(super().head(features, outputs, names, kind), outputs_are="labels")

    def output_shape(self, outputs: int) -> tuple[int | None, ...]:
        return (outputs,)

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        return np.array(table["labels"].tolist(), dtype=np.float32).reshape(len(table), -1)

    def soft(self, targets: Tensor, classes: int) -> Tensor:
        return targets

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        smooth = recipe.label_smoothing
        return binary_cross_entropy_with_logits(outputs, targets * (1 - smooth) + smooth / 2)

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        there, logits = _checked(targets, outputs)
        per_item = self._per_item(there, logits)
        return {
            "map": _mean([average_precision(there[:, label], logits[:, label]) for label in _present(there)]),
            "auc": _mean([area(there[:, label], logits[:, label]) for label in range(there.shape[1])]),
            "macro_f1": _mean(list(_f1(_counts(there, logits))[_present(there)])),
            **{name: float(values.mean()) for name, values in per_item.items()},
        }

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        there, logits = _checked(targets, outputs)
        per_item = self._per_item(there, logits)
        if metric in per_item:
            return per_item[metric]
        if metric == "macro_f1":
            without = _f1(_counts(there, logits) - _kinds(there, logits))[:, _present(there)]
        else:
            alone = average_precision_without if metric == "map" else area_without
            each = [alone(there[:, label], logits[:, label]) for label in range(there.shape[1])]
            without = np.stack(each, axis=1)
            without = without[:, np.isfinite(without).all(0)]
        whole = np.asarray(self.evaluate(targets, outputs)[metric])
        return pseudo_values(whole, without.mean(1)) if without.shape[1] else np.full(len(there), np.nan)

    def _per_item(self, there: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics (n,) that every sample has one of."""
        right = (logits > 0) == there
        losses = np.logaddexp(0, np.where(there, -logits, logits))
        return {"label_accuracy": right.mean(1), "exact_match": right.all(1).astype(float), "nll": losses.mean(1)}

    def inspect(self, targets: np.ndarray, outputs: Outputs, names: Sequence[str]) -> Inspection:
        """Right, wrong and missed labels, with average precision and the area under the curve of each label."""
        there, logits = _checked(targets, outputs)
        rows = [
            [names[label], *_told(*counts), *_ranked(there[:, label], logits[:, label])]
            for label, counts in enumerate(_counts(there, logits).tolist())
        ]
        head = ["label", "samples", "recall %", "precision %", "F1 %", "AP %", "AUC %"]
        per_item = self._per_item(there, logits)
        lines = [
            (_named(true, names), _named(scores > 0, names), f"{loss:.4f}")
            for true, scores, loss in zip(there, logits, per_item["nll"], strict=True)
        ]
        wrong_items = np.where(per_item["exact_match"] == 1, 0.0, per_item["nll"])
        return Inspection((("by label", head, rows),), ("true", "predicted", "nll"), tuple(lines), wrong_items)

    def read_out(self, found: Found) -> np.ndarray:
        """The probability of each label, (L,) float64."""
        probabilities: np.ndarray = 1 / (1 + np.exp(-found.outputs["logits"].astype(float)))
        return probabilities

    def columns(self, names: Sequence[str]) -> list[str]:
        return ["predicted", *(f"p({name})" for name in names)]

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        """The labels whose probability exceeds one half, separated by semicolons, and all probabilities."""
        shares = self.read_out(found)
        named = ";".join(name for name, share in zip(names, shares, strict=True) if share > 0.5)
        return [[named, *(f"{share:.6f}" for share in shares)]]


def _told(right: float, wrong: float, missed: float) -> list[str]:
    """Samples with a label, recall, precision and F1."""
    shares = ((right, right + missed), (right, right + wrong), (2 * right, 2 * right + wrong + missed))
    return [str(int(right + missed)), *(percent(*share) for share in shares)]


def _ranked(there: np.ndarray, scores: np.ndarray) -> list[str]:
    """Average precision and the area under the curve of one label; a dash where undefined."""
    values = (average_precision(there, scores), area(there, scores))
    return ["-" if math.isnan(value) else f"{100 * value:.2f}" for value in values]


def _named(there: np.ndarray, names: Sequence[str]) -> str:
    """The labels that are there, separated by semicolons; a dash for none."""
    return ";".join(name for name, is_there in zip(names, there, strict=True) if is_there) or "-"


def _checked(targets: np.ndarray, outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """Which labels are there, bool (n, L), and logits (n, L) float64."""
    logits = np.asarray(outputs["logits"], dtype=np.float64)
    if not np.isfinite(logits).all():
        raise NonFiniteLoss("The predictions hold a value that is not a finite number. Lower the learning rate.")
    return np.asarray(targets) > 0.5, logits


def _present(there: np.ndarray) -> np.ndarray:
    """Numbers of the labels that some sample has."""
    return np.flatnonzero(there.any(0))


def _kinds(there: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(n, L, 3): whether a label is rightly predicted, wrongly predicted, missed."""
    predicted = logits > 0
    return np.stack([predicted & there, predicted & ~there, ~predicted & there], axis=-1).astype(float)


def _counts(there: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(L, 3): samples of each of `_kinds`."""
    return _kinds(there, logits).sum(0)


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 (..., L) of counts (..., L, 3); 0 where nothing is counted."""
    right, wrong, missed = np.moveaxis(counts, -1, 0)
    return np.asarray(2 * right / np.maximum(2 * right + wrong + missed, 1))


def _mean(values: list[float]) -> float:
    """Mean of what is defined; NaN where nothing is."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
