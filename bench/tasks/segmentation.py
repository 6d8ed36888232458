"""Semantic segmentation: one class a pixel; judged from counts of pixels, which are kept a sample.

A pixel of class `IGNORED` counts nowhere. Metrics pool the counts of the whole split; a sample's score is its jackknife
pseudo-value, since no mean over images gives a pooled ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import NonFiniteLoss, UsageError
from bench.stats.pseudo import pseudo_values
from bench.tasks.base import HeadSpec, Metric, Outputs, Task
from bench.tasks.found import beside, with_classes
from bench.tasks.inspection import Inspection, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.tasks.found import Found

IGNORED = 255
TRUE, FALSE, MISSED = range(3)  # last axis of counts: pixels of a class that were found, wrongly claimed, missed


class Segmentation(Task):
    """One of C classes a pixel: logits (B, C, h, w) of any size, enlarged to the label maps (B, H, W)."""

    title = "Semantic segmentation"
    metrics = (
        Metric("miou"),
        Metric("dice", shown=True),
        Metric("foreground_dice"),  # without class 0, which is the background where there is one
        Metric("pixel_accuracy"),
    )
    target = "map"
    heads = ("linear", "segformer")
    needs_levels = True
    libraries = {"segmentation_models_pytorch": "segformer"}
    at_once = 8

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...], kind: str = "") -> HeadSpec:
        if outputs > IGNORED:
            raise UsageError(f"Label maps hold up to {IGNORED} classes, and this data set has {outputs}.")
        return HeadSpec(features, outputs, names, plain=_segformer if kind == "segformer" else _linear)

    def output_shape(self, outputs: int) -> tuple[int | None, ...]:
        return (outputs, None, None)

    def loss(self, outputs: Tensor, targets: Tensor, recipe: Recipe) -> Tensor:
        """The mean over samples of the mean cross-entropy of their pixels."""
        from torch.nn.functional import cross_entropy

        logits = enlarged(outputs, targets).movedim(1, -1)
        labels = targets.long().flatten()
        # flattened, because the two-dimensional form has no deterministic kernel on CUDA
        pixels = cross_entropy(
            logits.reshape(len(labels), -1), labels, ignore_index=IGNORED, reduction="none",
            label_smoothing=recipe.label_smoothing,
        ).view(len(targets), -1)  # fmt: skip
        counted = (targets != IGNORED).flatten(1).sum(1).clamp(min=1)
        return (pixels.sum(1) / counted).mean()

    def kept(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Label maps ``labels`` (B, H, W) uint8, and ``counts`` (B, C, 3) int64; `IGNORED` where logits diverged."""
        logits = enlarged(outputs, targets)
        found = logits.argmax(1)
        found[~logits.isfinite().all(1)] = IGNORED
        return {"labels": found.byte(), "counts": pixel_counts(found, targets.long(), outputs.shape[1])}

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        if (outputs["labels"] == IGNORED).any():
            raise NonFiniteLoss("The predictions hold a value that is not a finite number. Lower the learning rate.")
        return {name: float(value) for name, value in judged(outputs["counts"].sum(0)).items()}

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        counts = outputs["counts"].astype(np.int64)
        total = counts.sum(0)
        return pseudo_values(judged(total)[metric], judged(total[None] - counts)[metric])

    def read_out(self, found: Found) -> np.ndarray:
        """The label map (H, W) uint8 on the input's pixels; `IGNORED` where the model did not look."""
        labels: np.ndarray = found.laid_out(found.outputs["labels"], IGNORED).astype(np.uint8)
        return labels

    def columns(self, names: Sequence[str]) -> list[str]:
        return [f"share({name})" for name in names]

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        """The share of each class among the pixels that the model looked at."""
        counts = np.bincount(found.outputs["labels"].ravel(), minlength=len(names))
        return [[f"{count / counts.sum():.6f}" for count in counts]]

    def pictures(self, found: Found, names: Sequence[str], picture: np.ndarray) -> dict[str, np.ndarray]:
        """``mask``: class numbers; ``drawn``: the picture tinted by class."""
        labels = self.read_out(found)
        return {"mask": labels, "drawn": with_classes(picture, labels)}

    def inspect(self, targets: np.ndarray, outputs: Outputs, names: Sequence[str]) -> Inspection:
        """Pixels missed and wrongly claimed by class; a sample is wrong by the pixels that have another class."""
        counts = outputs["counts"].astype(np.int64)
        rows = [
            [name, f"{true + missed:,}", percent(true, true + false + missed), percent(true, true + missed),
             percent(true, true + false)]
            for name, (true, false, missed) in zip(names, counts.sum(0).tolist(), strict=True)
        ]  # fmt: skip
        each, head = judged(counts), ["class", "pixels", "IoU %", "recall %", "precision %"]
        lines = [(f"{100 * iou:.2f}", f"{100 * right:.2f}") for iou, right in zip(each["miou"], each["pixel_accuracy"],
                                                                                 strict=True)]  # fmt: skip
        wrong = np.nan_to_num(1 - each["pixel_accuracy"])
        return Inspection((("by class", head, rows),), ("mIoU %", "pixels right %"), tuple(lines), wrong)

    def compared(self, target: np.ndarray, found: Found, names: Sequence[str], picture: np.ndarray) -> np.ndarray:
        """Truth and prediction, tinted by class."""
        true = found.laid_out(target, IGNORED)
        return beside(with_classes(picture, true), with_classes(picture, self.read_out(found)))


def judged(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of pooled counts.

    Args:
        counts: (..., C, 3) found, wrongly claimed and missed pixels of each class.

    Returns:
        (...) fractions. Classes that neither occur nor are predicted are not averaged over; NaN where none is left.
    """
    true, false, missed = (counts[..., column].astype(float) for column in (TRUE, FALSE, MISSED))
    iou, dice = _ratio(true, true + false + missed), _ratio(2 * true, 2 * true + false + missed)
    accuracy = _ratio(true.sum(-1), true.sum(-1) + missed.sum(-1))
    return {
        "miou": _mean(iou),
        "dice": _mean(dice),
        "foreground_dice": _mean(dice[..., 1:]),
        "pixel_accuracy": accuracy,
    }


def enlarged(logits: Tensor, targets: Tensor) -> Tensor:
    """Logits (B, C, h, w) brought to the size of label maps (B, H, W)."""
    from torch.nn.functional import interpolate

    size = targets.shape[1:]
    return logits if logits.shape[2:] == size else interpolate(logits, size, mode="bilinear", align_corners=False)


def pixel_counts(found: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Counts (B, C, 3) of each sample from label maps (B, H, W)."""
    import torch

    counts = []
    for one, label in zip(found.flatten(1), labels.flatten(1), strict=True):
        valid = label != IGNORED
        one, label = one[valid], label[valid]
        claimed, present = (torch.bincount(x, minlength=IGNORED + 1)[:classes] for x in (one, label))
        true = torch.bincount(label[one == label], minlength=IGNORED + 1)[:classes]
        counts.append(torch.stack([true, claimed - true, present - true], dim=1))
    return torch.stack(counts)


def _linear(spec: HeadSpec) -> nn.Module:
    from bench.heads.maps import LinearMap

    return LinearMap(spec)


def _segformer(spec: HeadSpec) -> nn.Module:
    from bench.heads.maps import SegFormerHead

    return SegFormerHead(spec)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(-1), defined.sum(-1).astype(float))
