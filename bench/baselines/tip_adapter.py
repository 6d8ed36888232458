"""Tip-Adapter: a cache of training features beside zero-shot logits, without training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec
from bench.methods.text import text_of, unit

_BYTES = 100_000_000  # of one block of logits in the search


class TipAdapter(FeatureMethod):
    """Tip-Adapter: ``100 f W + alpha exp(-beta (1 - f F')) L``, keys F, labels L (Zhang et al., ECCV 2022, eq. 4-6).

    Alpha and beta are searched on validation data as in the released code: values from 0.1 in equal steps, beta
    outside, of equals the first. Without validation data the fields `alpha` and `beta` hold. Keys are the features
    that the training split has; where they are means over augmented views, the data set's card says so.
    """

    title = "Tip-Adapter"
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the zero-shot cosines")
    alpha: NonNegativeFloat = Field(1.0, description="weight of the cache, where nothing is searched")
    beta: PositiveFloat = Field(5.5, description="sharpness of the cache, where nothing is searched")
    search: bool = Field(True, description="choose alpha and beta on validation data")
    alphas: PositiveInt = Field(20, description="values of alpha tried")
    betas: PositiveInt = Field(200, description="values of beta tried")
    alpha_max: PositiveFloat = Field(
        3.0, description="end of the searched range; the released code sets it by data set"
    )
    beta_max: PositiveFloat = Field(7.0, description="end of the searched range; the released code sets it by data set")

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        cache = Cache.of(train, spec, unit(text_of(spec, self.plugin_name())).cpu(), self.scale)
        alpha, beta, chosen = self.alpha, self.beta, None
        if self.search and val is not None:
            grid = steps(self.alpha_max, self.alphas), steps(self.beta_max, self.betas)
            alpha, beta, score = search(cache, torch.from_numpy(val.x), torch.from_numpy(val.y), *grid)
            chosen = {"alpha": alpha, "beta": beta, "by": "validation", "score": score, "labels": len(val.y)}
        return Fitted(lambda x: cache.logits(torch.from_numpy(x), alpha, beta).numpy(), cache.keys.numel(), chosen)


@dataclass(frozen=True)
class Cache:
    """Keys (n, d) of length 1 with their labels as one-hot rows (n, C), and unit text features (C, d)."""

    keys: Tensor
    values: Tensor
    text: Tensor
    scale: float

    @classmethod
    def of(cls, train: FeatureSplit, spec: HeadSpec, text: Tensor, scale: float) -> Cache:
        """The cache of a training split."""
        return cls(unit(torch.from_numpy(train.x)), one_hot(torch.from_numpy(train.y), spec.outputs), text, scale)

    def logits(self, x: Tensor, alpha: float, beta: float) -> Tensor:
        """Logits (n, C) of features (n, d) of any length."""
        x = unit(x)
        return self.scale * x @ self.text.T + alpha * cached(x @ self.keys.T, self.values, beta)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (n,) as float rows (n, classes)."""
    return torch.nn.functional.one_hot(labels.long(), classes).float()


def cached(affinity: Tensor, values: Tensor, beta: Tensor | float) -> Tensor:
    """``exp(-beta (1 - affinity)) values``: cosines (..., n) against keys to logits (..., C)."""
    return torch.exp(beta * (affinity - 1)) @ values


def steps(last: float, count: int) -> Tensor:
    """0.1, ... in equal steps; ``last`` itself is not reached, as in the released code."""
    return 0.1 + torch.arange(count, dtype=torch.float64) * (last - 0.1) / count


def search(cache: Cache, x: Tensor, labels: Tensor, alphas: Tensor, betas: Tensor) -> tuple[float, float, float]:
    """The pair of the highest accuracy on a labelled split, beta in the outer loop, of equals the first.

    Returns:
        alpha, beta and the accuracy.
    """
    x = unit(x)
    zero_shot, affinity = cache.scale * x @ cache.text.T, x @ cache.keys.T
    scores = torch.cat([
        accuracies(zero_shot, cached(affinity, cache.values, float(beta)).unsqueeze(0), alphas, labels)
        for beta in betas
    ])  # fmt: skip
    best = int(scores.flatten().argmax())
    place = divmod(best, len(alphas))
    return float(alphas[place[1]]), float(betas[place[0]]), float(scores.flatten()[best])


def accuracies(zero_shot: Tensor, caches: Tensor, alphas: Tensor, labels: Tensor) -> Tensor:
    """Accuracy (P, A) of ``zero_shot + alpha cache`` for each of P cache logits (P, n, C) and A alphas."""
    size = max(1, _BYTES // (4 * max(caches.numel(), 1)))
    found = [
        ((zero_shot + part.float().view(-1, 1, 1, 1) * caches).argmax(-1) == labels).sum(-1)
        for part in alphas.split(size)
    ]
    return torch.cat(found).T.cpu().double() / len(labels)
