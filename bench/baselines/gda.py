"""GDA: zero-shot logits plus those of Gaussians of one covariance, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor

from bench.baselines.tip_adapter import accuracies
from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec
from bench.methods.text import class_means, text_of, unit

_ONE_SHOT = "no class has two training rows, so the covariance is 0 and W = 0: this is zero-shot"


class GDA(FeatureMethod):
    """GDA: ``100 f t + alpha (f W + b)``, W and b from Gaussian classes of one covariance (Wang et al., ICLR 2024).

    ``P = d ((n - 1) S + tr(S) I)^-1`` with S the covariance of the class-centred rows, ``W = P mu'`` and
    ``b_c = -log C - mu_c P mu_c / 2``, as in the released code, whose prior stays 1/C where classes have unequal
    counts. Alpha is searched on validation data, of equals the first. With one row a class S is 0, its pseudo-inverse
    too, and the method is zero-shot: the record's diagnostics say so.

    Ours: a class without a training row has its mean at the origin, and so the zero-shot order among such classes; the
    released base-to-new form, which invents rows for them, is not here. The data set says what a row is: the released
    code takes ten augmented views of an image as ten rows. Computed in double precision.
    """

    title = "GDA"
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the zero-shot cosines")
    alpha: NonNegativeFloat = Field(1.0, description="weight of the Gaussian logits, where nothing is searched")
    search: bool = Field(True, description="choose alpha on validation data")
    alphas: tuple[NonNegativeFloat, ...] = Field(
        tuple(10.0**e for e in range(-4, 3)), min_length=1, description="values of alpha tried"
    )

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        text = unit(text_of(spec, self.plugin_name()).cpu().double())
        gaussians = Gaussians.of(unit(torch.from_numpy(train.x).to(text)), torch.from_numpy(train.y), text)
        alpha, chosen = self.alpha, dict[str, object]()
        if self.search and val is not None:
            alpha, score = gaussians.search(val, self.scale, self.alphas)
            chosen = {"alpha": alpha, "by": "validation", "score": score, "labels": len(val.y)}
        if not gaussians.weights.any():
            chosen["note"] = _ONE_SHOT

        def predict(x: np.ndarray) -> np.ndarray:
            return gaussians.logits(torch.from_numpy(x), self.scale, alpha).numpy()

        return Fitted(predict, gaussians.weights.numel() + len(text), chosen or None)


@dataclass(frozen=True)
class Gaussians:
    """W (d, C) and b (C,) of the discriminants, and unit text features (C, d)."""

    weights: Tensor
    bias: Tensor
    text: Tensor

    @classmethod
    def of(cls, x: Tensor, labels: Tensor, text: Tensor) -> Gaussians:
        """Of unit rows (n, d) and their class numbers."""
        means = class_means(x, labels.long(), len(text))
        weights = precision(x - means[labels.long()]) @ means.T
        return cls(weights, -math.log(len(text)) - (means * weights.T).sum(1) / 2, text)

    def logits(self, x: Tensor, scale: float, alpha: float) -> Tensor:
        """Logits (n, C) of features (n, d) of any length."""
        x = unit(x.to(self.text))
        return scale * x @ self.text.T + alpha * (x @ self.weights + self.bias)

    def search(self, val: FeatureSplit, scale: float, alphas: tuple[float, ...]) -> tuple[float, float]:
        """The alpha of the highest accuracy, of equals the first, and that accuracy."""
        x = unit(torch.from_numpy(val.x).to(self.text))
        own = (x @ self.weights + self.bias).unsqueeze(0)
        tried = torch.tensor(alphas, dtype=torch.float64)
        scores = accuracies(scale * x @ self.text.T, own, tried, torch.from_numpy(val.y))[0]
        best = int(scores.argmax())
        return alphas[best], float(scores[best])


def precision(centred: Tensor) -> Tensor:
    """``d ((n - 1) S + tr(S) I)^-1`` of class-centred rows (n, d); 0 where all rows are 0."""
    n, d = centred.shape
    scatter = centred.T @ centred - n * torch.outer(centred.mean(0), centred.mean(0))
    trace = scatter.trace() / max(n - 1, 1)
    if not trace > 0:
        return torch.zeros_like(scatter)
    return d * torch.linalg.inv(scatter + trace * torch.eye(d, dtype=centred.dtype))
