"""LP++: a linear probe beside text logits whose weight each class learns, with step sizes from the data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from bench.baselines.tip_adapter import one_hot
from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec
from bench.methods.text import class_means, text_of, unit

_MOMENTUM = 0.9


class LPPlusPlus(FeatureMethod):
    """LP++: ``w_c f + b_c + alpha_c f t_c`` without a logit scale, by full-batch descent (Huang et al., CVPR 2024).

    W starts at the class sums of the training rows, all alphas at ``250 mean_c mean_i f_i t_c``. W and b take steps of
    ``4 N / lambda_max(F' F)`` with momentum 0.9, and every 10th epoch alpha one of ``N / (4 max_c sum_i (f_i t_c)^2)``.
    Validation data choose the epoch, of equals the last; without them the last one counts.

    The released code never clears alpha's gradient, so that its steps follow the sum over all epochs:
    ``defect=true`` repeats that. Ours: b starts at 0 instead of torch's uniform draw of at most ``1/sqrt(d)``, so that
    nothing is left to chance; double precision; rows are what the data set gives, not fresh augmented views.
    """

    title = "LP++"
    needs_text = True

    epochs: PositiveInt = Field(300, description="full-batch steps of W and b")
    every: PositiveInt = Field(10, description="epochs between two steps of alpha")
    start: PositiveFloat = Field(250.0, description="factor of alpha at the start")
    defect: bool = Field(False, description="never clear the gradient of alpha, as the released code")

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        text = unit(text_of(spec, self.plugin_name()).cpu().double())
        probe = Probe.start(unit(torch.from_numpy(train.x).to(text)), torch.from_numpy(train.y), text, self.start)
        best, chosen = self.descend(probe, val, text)
        return Fitted(
            lambda x: best.logits(unit(torch.from_numpy(x).to(text)), text).numpy(),
            sum(part.numel() for part in (best.w, best.b, best.alpha)),
            chosen,
        )

    def descend(self, probe: Probe, val: FeatureSplit | None, text: Tensor) -> tuple[Weights, dict[str, object] | None]:
        """The weights of the best epoch on validation data, of equals the last, and what was chosen; else the last."""
        x, labels = (None, None) if val is None else (unit(torch.from_numpy(val.x).to(text)), torch.from_numpy(val.y))
        best, top, chosen = probe.weights, -1.0, None
        for epoch in range(1, self.epochs + 1):
            probe.step(moves_alpha=epoch % self.every == 0, keeps_sum=self.defect)
            if x is None or labels is None:
                continue
            score = accuracy(probe.weights.logits(x, text), labels)
            if score >= top:
                best, top = probe.weights, score
                chosen = {"epoch": epoch, "by": "validation", "score": score, "labels": len(labels)}
        return (probe.weights if x is None else best), chosen


@dataclass(frozen=True)
class Weights:
    """W (C, d), b (C,) and alpha (C,)."""

    w: Tensor
    b: Tensor
    alpha: Tensor

    def logits(self, x: Tensor, text: Tensor) -> Tensor:
        """Logits (n, C) of unit rows (n, d), beside unit text features (C, d)."""
        return x @ self.w.T + self.b + self.alpha * (x @ text.T)


class Probe:
    """The descent: weights, their velocity and the gradient of alpha, which may add up.

    Args:
        x: Unit rows (n, d) with labels (n,), text (C, d) of length 1.
    """

    def __init__(self, x: Tensor, labels: Tensor, text: Tensor, weights: Weights) -> None:
        self.x, self.targets, self.weights = x, one_hot(labels, len(text)).to(x), weights
        self.cosines = x @ text.T
        self.velocity = torch.zeros_like(weights.w), torch.zeros_like(weights.b)
        self.alpha_gradient = torch.zeros_like(weights.alpha)
        self.rate = 4 * len(x) / torch.linalg.eigvalsh(x.T @ x)[-1]
        self.alpha_rate = len(x) / (4 * self.cosines.square().sum(0).max())

    @classmethod
    def start(cls, x: Tensor, labels: Tensor, text: Tensor, factor: float) -> Probe:
        """At the class sums and the mean cosine of images with their own class's text."""
        labels = labels.long()
        sums = x.new_zeros(text.shape).index_add_(0, labels, x)
        own = (class_means(x, labels, len(text)) * text).sum(1)
        there = labels.unique()
        alpha = factor * own[there].mean().expand(len(text))
        return cls(x, labels, text, Weights(sums, x.new_zeros(len(text)), alpha))

    def gradients(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of the mean cross-entropy, in W, b and alpha."""
        now = self.weights
        logits = self.x @ now.w.T + now.b + now.alpha * self.cosines
        error = (logits.softmax(1) - self.targets) / len(self.x)
        return error.T @ self.x, error.sum(0), (error * self.cosines).sum(0)

    def step(self, moves_alpha: bool, keeps_sum: bool) -> None:
        """One epoch: a step of W and b, then perhaps one of alpha."""
        w, b, alpha = self.gradients()
        self.velocity = _MOMENTUM * self.velocity[0] + w, _MOMENTUM * self.velocity[1] + b
        self.alpha_gradient = self.alpha_gradient + alpha if keeps_sum else alpha
        now = self.weights
        self.weights = Weights(
            now.w - self.rate * self.velocity[0],
            now.b - self.rate * self.velocity[1],
            now.alpha - self.alpha_rate * self.alpha_gradient if moves_alpha else now.alpha,
        )


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest logit is their label's."""
    return float((logits.argmax(1) == labels).cpu().double().mean())
