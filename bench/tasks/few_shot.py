"""Few-shot recognition with named classes: a sample is judged among the classes of its own group.

Groups are the classes that share a value of the table's column ``vocabulary``: base and new classes, or the classes of
several data sets. Logits of other groups' classes count nowhere, neither in training nor in evaluation. Without that
column there is one group, and this is plain classification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.stats.errors import StatisticsError
from bench.tasks.base import Metric, Outputs
from bench.tasks.classification import Classification, accuracy, balanced_weights

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.cells.recipes import Recipe

VOCABULARY = "vocabulary"  # the column
OUT = -1e4  # the logit of a class that is no candidate: finite, and of probability 0


class FewShot(Classification):
    """Classification among the classes of a sample's group, with accuracy on trained and new classes.

    ``base`` is the accuracy on classes that were trained, ``new`` that on the others, ``harmonic`` their harmonic mean
    (Xian et al., CVPR 2017); where every class was trained, the last two are undefined.
    """

    title = "Few-shot classification"
    metrics = (*Classification.metrics, Metric("base"), Metric("new"), Metric("harmonic"))
    facts = ("selection_labels",)
    mixes = False  # a sample's class says which classes it is judged among

    def __init__(
        self, groups: np.ndarray | None = None, trained: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> None:
        super().__init__(weights)
        self.groups, self.trained = groups, trained

    def bound(self, table: pd.DataFrame, classes: int) -> FewShot:
        """The task with the table's groups of classes, (C,), and which classes have a training sample, (C,)."""
        trained = np.zeros(classes, dtype=bool)
        trained[table["label"][table["split"] == "train"]] = True
        return FewShot(class_groups(table, classes), trained, balanced_weights(table, classes))

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        import torch

        if self.groups is not None and self.groups.any():
            groups = torch.from_numpy(self.groups).to(targets.device)
            outputs = outputs.masked_fill(groups[targets].unsqueeze(1) != groups, OUT)
        return super().loss(outputs, targets, recipe)

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        known = self.arrays(targets, outputs)
        hits, new = _hits(targets, known)
        return {**super().evaluate(targets, known), **group_accuracies(hits, new)}

    def score(self, targets: np.ndarray, outputs: Outputs) -> float:
        return accuracy(targets, self.arrays(targets, outputs)["logits"])

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        known = self.arrays(targets, outputs)
        if metric in ("base", "new", "harmonic"):
            return pseudo_values(*_hits(targets, known), metric)
        return super().item_scores(targets, known, metric)

    def arrays(self, targets: np.ndarray, outputs: Outputs) -> dict[str, np.ndarray]:
        """Logits with candidates alone, and ``new`` (n,) bool: what a reader without the table needs."""
        if self.groups is None or self.trained is None:  # arrays of a record, which hold both
            return outputs
        others = self.groups[targets][:, None] != self.groups
        return {
            **outputs,
            "logits": np.where(others, np.float32(OUT), outputs["logits"]),
            "new": ~self.trained[targets],
        }


def class_groups(table: pd.DataFrame, classes: int) -> np.ndarray:
    """Number of each class's group, (C,): classes that share a vocabulary, or through others, share a group."""
    group = np.arange(classes)
    if VOCABULARY not in table:
        return np.zeros(classes, dtype=np.int64)
    for _, labels in table.groupby(VOCABULARY)["label"]:
        joined = np.unique(group[labels.unique()])
        group[np.isin(group, joined)] = joined[0]
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def group_accuracies(hits: np.ndarray, new: np.ndarray) -> dict[str, float]:
    """Accuracy on base and on new classes, and their harmonic mean; NaN without samples of a kind."""
    base, fresh = (float(hits[chosen].mean()) if chosen.any() else float("nan") for chosen in (~new, new))
    total = base + fresh
    return {"base": base, "new": fresh, "harmonic": 2 * base * fresh / total if total else 0.0}


def pseudo_values(hits: np.ndarray, new: np.ndarray, metric: str) -> np.ndarray:
    """Jackknife pseudo-values (n,) of one of `group_accuracies`, all at once; see `bench.stats.pseudo`.

    Raises:
        StatisticsError: A kind has fewer than two samples.
    """
    n = len(hits)
    left_out = {}
    for name, chosen in (("base", ~new), ("new", new)):
        count, total = chosen.sum() - chosen, hits[chosen].sum() - hits * chosen
        left_out[name] = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    total = left_out["base"] + left_out["new"]
    product = 2 * left_out["base"] * left_out["new"]
    left_out["harmonic"] = np.divide(product, total, out=np.where(total == 0, 0.0, np.nan), where=total > 0)
    without = left_out[metric]
    if not np.isfinite(without).all():
        raise StatisticsError(f"{metric} is undefined without some sample: it needs two of each kind or more.")
    return group_accuracies(hits, new)[metric] + (n - 1) * (without.mean() - without)


def _hits(targets: np.ndarray, outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """Whether each sample is recognised, as floats (n,), and whether its class is new, (n,)."""
    hits = (outputs["logits"].argmax(1) == targets).astype(float)
    return hits, np.asarray(outputs.get("new", np.zeros(len(hits), dtype=bool)), dtype=bool)
