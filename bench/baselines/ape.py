"""APE: Tip-Adapter on the channels that tell classes apart, with keys weighed by how text knows them. No training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from bench.baselines.tip_adapter import accuracies, cached, one_hot, steps
from bench.methods import FeatureMethod, FeatureSplit, Fitted, HeadSpec
from bench.methods.text import text_of, unit

_TINY = 1e-6  # in the divergence, as released
Choice = tuple[float, float, float]  # alpha, beta, gamma


class APE(FeatureMethod):
    """APE: ``100 f t + alpha exp(-beta (1 - f' F')) (L exp(gamma KL))`` on chosen channels (Zhu et al., ICCV 2023).

    A channel's criterion is ``-w S + (1 - w) var_c(t)``, with S the mean product over pairs of different classes of
    their text and training rows, here in closed form; of those with the largest, f', F' and t' are made unit vectors
    again. KL of a key is that of its label from ``softmax(F' t')``, without temperature, as released.
    Alpha, beta and gamma are searched on validation data by the released grid, beta outermost and gamma innermost, of
    equals the first: 80,000 settings, which overfit few labels.

    Ours: the share of channels is that of the released Pets and Caltech configurations (800 of 1,024); texts are the
    backbone's, not those a language model wrote; classes may have unequal counts, whose products count each once.
    """

    title = "APE"
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the zero-shot cosines")
    share: float = Field(0.78125, gt=0, le=1, description="of the channels that is kept")
    similarity_weight: float = Field(0.7, ge=0, le=1, description="w of the criterion; the rest is the variance's")
    alpha: NonNegativeFloat = Field(2.0, description="weight of the cache, where nothing is searched")
    beta: PositiveFloat = Field(1.0, description="sharpness of the cache, where nothing is searched")
    gamma: NonNegativeFloat = Field(0.1, description="weight of the divergence, where nothing is searched")
    search: bool = Field(True, description="choose alpha, beta and gamma on validation data")
    alphas: PositiveInt = Field(20, description="values of alpha tried")
    betas: PositiveInt = Field(200, description="values of beta tried")
    gammas: PositiveInt = Field(20, description="values of gamma tried")
    alpha_max: PositiveFloat = Field(7.0, description="end of the searched range")
    beta_max: PositiveFloat = Field(7.0, description="end of the searched range")
    gamma_max: PositiveFloat = Field(1.0, description="end of the searched range")

    def fit(self, train: FeatureSplit, val: FeatureSplit | None, spec: HeadSpec) -> Fitted:
        text = unit(text_of(spec, self.plugin_name())).cpu()
        keys, labels = unit(torch.from_numpy(train.x)), torch.from_numpy(train.y).long()
        criterion = criterion_of(text, keys, labels, self.similarity_weight)
        cache = PriorCache.of(keys, labels, text, kept(criterion, self.share), self.scale)
        choice, chosen = (self.alpha, self.beta, self.gamma), None
        if self.search and val is not None:
            choice, score = search(cache, torch.from_numpy(val.x), torch.from_numpy(val.y), *self.grid())
            names = dict(zip(("alpha", "beta", "gamma"), choice, strict=True))
            chosen = {**names, "by": "validation", "score": score, "labels": len(val.y)}
        return Fitted(lambda x: cache.logits(torch.from_numpy(x), *choice).numpy(), cache.keys.numel(), chosen)

    def grid(self) -> tuple[Tensor, Tensor, Tensor]:
        """Values of alpha, beta and gamma; gamma begins at 0."""
        gammas = torch.arange(self.gammas, dtype=torch.float64) * self.gamma_max / self.gammas
        return steps(self.alpha_max, self.alphas), steps(self.beta_max, self.betas), gammas


def similarity(text: Tensor, keys: Tensor, labels: Tensor) -> Tensor:
    """Mean product, channel by channel (d,), over ordered pairs of rows of different classes.

    Args:
        text: (C, d), which belongs to its class as another row.
        keys: (n, d) with class numbers (n,); none: text alone.
    """
    sums = text.clone().index_add_(0, labels, keys)
    counts = 1 + torch.bincount(labels, minlength=len(text)).to(text)
    pairs = counts.sum().square() - counts.square().sum()
    return (sums.sum(0).square() - sums.square().sum(0)) / pairs.clamp(min=1)


def criterion_of(text: Tensor, keys: Tensor, labels: Tensor, weight: float) -> Tensor:
    """``-weight S + (1 - weight) var_c(t)`` of each channel, (d,)."""
    return -weight * similarity(text, keys, labels) + (1 - weight) * text.var(0)


def kept(criterion: Tensor, share: float) -> Tensor:
    """Numbers of the channels of the largest criterion, falling; of equals the first."""
    count = max(1, round(share * len(criterion)))
    return criterion.argsort(descending=True, stable=True)[:count]


def divergence(keys: Tensor, labels: Tensor, text: Tensor) -> Tensor:
    """``KL(label | softmax(F' t'))`` of each key in bits, (n,)."""
    values, known = one_hot(labels, len(text)).to(keys), (keys @ text.T).softmax(1)
    return (values * ((values + _TINY) / (known + _TINY)).log2()).sum(1)


@dataclass(frozen=True)
class PriorCache:
    """Keys (n, q) on chosen channels, their one-hot labels (n, C) and divergences (n,); unit text (C, d), whole."""

    keys: Tensor
    values: Tensor
    divergence: Tensor
    text: Tensor
    channels: Tensor
    scale: float

    @classmethod
    def of(cls, keys: Tensor, labels: Tensor, text: Tensor, channels: Tensor, scale: float) -> PriorCache:
        """Of unit keys (n, d) with labels (n,)."""
        near, values = unit(keys[:, channels]), one_hot(labels, len(text)).to(keys)
        return cls(near, values, divergence(near, labels, unit(text[:, channels])), text, channels, scale)

    def affinity(self, x: Tensor) -> Tensor:
        """Cosines (m, n) of rows (m, d) with the keys on the chosen channels."""
        return unit(x[:, self.channels]) @ self.keys.T

    def weighted(self, gamma: Tensor) -> Tensor:
        """Values (G, n, C) times the keys' weights at each gamma (G,)."""
        weights = torch.exp(gamma.to(self.keys).unsqueeze(1) * self.divergence)
        return weights.unsqueeze(2) * self.values

    def logits(self, x: Tensor, alpha: float, beta: float, gamma: float) -> Tensor:
        """Logits (m, C) of features (m, d) of any length."""
        x = unit(x)
        values = self.weighted(torch.tensor([gamma]))[0]
        return self.scale * x @ self.text.T + alpha * cached(self.affinity(x), values, beta)


def search(
    cache: PriorCache, x: Tensor, labels: Tensor, alphas: Tensor, betas: Tensor, gammas: Tensor
) -> tuple[Choice, float]:
    """The setting of the highest accuracy on a labelled split, of equals the first, and that accuracy."""
    x = unit(x)
    zero_shot, affinity, values = cache.scale * x @ cache.text.T, cache.affinity(x), cache.weighted(gammas)
    scores = torch.stack([
        accuracies(zero_shot, cached(affinity, values, float(beta)), alphas, labels).T for beta in betas
    ])  # fmt: skip
    best = int(scores.flatten().argmax())  # of (B, A, G)
    outer, inner = divmod(best, len(alphas) * len(gammas))
    middle, last = divmod(inner, len(gammas))
    return (float(alphas[middle]), float(betas[outer]), float(gammas[last])), float(scores.flatten()[best])
