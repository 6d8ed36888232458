"""A number a sample; metrics are tested against scikit-learn and scipy.

Methods learn the number standardised on the training samples; everything that is kept, judged and shown is in its own
unit.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.core.errors import NonFiniteLoss
from bench.stats.pseudo import pseudo_values
from bench.tasks.base import HeadSpec, Metric, Outputs, Task
from bench.tasks.inspection import Inspection

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from torch import Tensor

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.tasks.found import Found


class Regression(Task):
    """A number a sample, in the table's column ``value``: mean squared error, or ``loss=smooth_l1`` of a recipe.

    Judged by the mean absolute error, its root mean square, R2 and Spearman's rank correlation, which is 0 for equal
    predictions. Where truths do not differ the last two are undefined.
    """

    title = "Regression"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("mae", unit="", high=math.inf, higher_is_better=False, decimals=4, per_item=True),
        Metric("rmse", unit="", high=math.inf, higher_is_better=False, decimals=4),
        Metric("r2", unit="", low=-math.inf, decimals=4, shown=True),
        Metric("spearman", unit="", low=-1.0, decimals=4, shown=True),
    )
    vectors = True
    losses = ("mse", "smooth_l1")

    def __init__(self, mean: float = 0.0, scale: float = 1.0) -> None:
        self.mean, self.scale = mean, scale  # of the training samples, once bound to a table

    def bound(self, table: pd.DataFrame, classes: int) -> Regression:
        """The task with the mean and the standard deviation of the training samples."""
        values = table["value"][table["split"] == "train"].to_numpy(dtype=float)
        return type(self)(float(values.mean()), float(values.std()) or 1.0)

    def constants(self) -> dict[str, float]:
        return {"mean": self.mean, "scale": self.scale}

    def with_constants(self, constants: dict[str, float]) -> Regression:
        return type(self)(**constants)

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...], kind: str = "") -> HeadSpec:
        return replace(super().head(features, 1, names, kind), outputs_are="values")

    def output_shape(self, outputs: int) -> tuple[int | None, ...]:
        return (1,)

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        return table["value"].to_numpy(dtype=np.float32)

    def learned(self, targets: np.ndarray) -> np.ndarray:
        """Standardised targets (n, 1)."""
        standard: np.ndarray = ((targets - self.mean) / self.scale).astype(np.float32)[:, None]
        return standard

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        from torch.nn import functional

        standard = (targets - self.mean) / self.scale
        of = functional.smooth_l1_loss if recipe.loss == "smooth_l1" else functional.mse_loss
        return of(outputs[:, 0], standard)

    def kept(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """``values`` (B,) in the unit of the targets."""
        return {"values": outputs[:, 0] * self.scale + self.mean}

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        truth, found = _checked(targets, outputs)
        wrong = found - truth
        return {
            "mae": float(np.abs(wrong).mean()),
            "rmse": float(np.sqrt((wrong**2).mean())),
            "r2": float(_r2(*_sums(truth, wrong))),
            "spearman": _spearman(truth, found),
        }

    def score(self, targets: np.ndarray, outputs: Outputs) -> float:
        truth, found = _checked(targets, outputs)
        return float(np.abs(found - truth).mean())

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        truth, found = _checked(targets, outputs)
        wrong, n = found - truth, len(truth)
        if metric == "mae":
            return np.abs(wrong)
        whole = np.asarray(self.evaluate(targets, outputs)[metric])
        if metric == "rmse":
            without = np.sqrt(((wrong**2).sum() - wrong**2) / max(n - 1, 1))
        elif metric == "r2":
            around, (count, total, squares, errors) = truth - truth.mean(), _sums(truth, wrong)
            without = _r2(count - 1, total - around, squares - around**2, errors - wrong**2)
        else:
            others = (np.arange(n) != item for item in range(n))
            without = np.array([_spearman(truth[kept], found[kept]) for kept in others])
        # where the metric needs a sample, leaving it out changes nothing
        return pseudo_values(whole, np.where(np.isfinite(without), without, whole))

    def inspect(self, targets: np.ndarray, outputs: Outputs, names: Sequence[str]) -> Inspection:
        """Errors by quarters of the true values: how large, and in which direction."""
        truth, found = _checked(targets, outputs)
        wrong = found - truth
        edges = np.quantile(truth, [0, 0.25, 0.5, 0.75, 1])
        part = np.searchsorted(edges[1:-1], truth, "left")
        rows = [
            [f"{edges[n]:.6g} to {edges[n + 1]:.6g}", str(len(of)), f"{np.abs(of).mean():.6g}", f"{of.mean():+.6g}"]
            for n in range(4)
            if len(of := wrong[part == n])
        ]
        lines = [(f"{a:.6g}", f"{b:.6g}", f"{b - a:+.6g}") for a, b in zip(truth, found, strict=True)]
        tables = (("by true value", ["true value", "samples", "mean absolute error", "mean error"], rows),)
        return Inspection(tables, ("true", "predicted", "error"), tuple(lines), np.abs(wrong))

    def read_out(self, found: Found) -> np.ndarray:
        """The number, as an array without axes."""
        return np.asarray(found.outputs["values"], dtype=float)

    def columns(self, names: Sequence[str]) -> list[str]:
        return ["predicted"]

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        return [[f"{float(found.outputs['values']):.6g}"]]


def _checked(targets: np.ndarray, outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """Truths and predictions (n,), float64."""
    found = np.asarray(outputs["values"], dtype=np.float64)
    if not np.isfinite(found).all():
        raise NonFiniteLoss("The predictions hold a value that is not a finite number. Lower the learning rate.")
    return np.asarray(targets, dtype=np.float64), found


def _sums(truth: np.ndarray, wrong: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Number of samples, sum and sum of squares of the truths about their mean, and the sum of squared errors."""
    around = truth - truth.mean()
    return float(len(truth)), around.sum(), (around**2).sum(), (wrong**2).sum()


def _r2(count: float, total: np.ndarray, squares: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """1 less the errors' share of the truths' spread; NaN where they have none."""
    spread = np.asarray(squares - total**2 / max(count, 1.0))
    return np.asarray(1 - np.divide(errors, spread, out=np.full(spread.shape, np.nan), where=spread > 1e-12))


def _spearman(truth: np.ndarray, found: np.ndarray) -> float:
    """Pearson's correlation of ranks, ties in the middle; 0 where predictions do not differ, and so rank nothing; NaN
    where the truths do not."""
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (truth, found)]
    if not len(truth) or np.ptp(truth) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1]) if np.ptp(found) else 0.0
