"""HeGraphAdapter: class text refined over a graph of positive texts, negative texts and image means."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.backbones import Features
from bench.baselines.tip_adapter import one_hot
from bench.core.errors import UsageError
from bench.methods import Batch, HeadSpec, Method
from bench.methods.model import Model
from bench.methods.text import class_means, is_normalised, raw_text_of, support_of, unit


class HeGraph(Method):
    """HeGraphAdapter: ``m_i = tanh(x_i W / (d_i + 1) + sum_j r_ij y_j W / sqrt((d_i + 1)(d_j + 1)))`` (2410.07854).

    No code was released: this follows a third party's reading of the paper's equations 1 to 8. Nodes are texts P, texts
    N of negative prompts and image means V, all raw; r are their cosines, with the diagonal negated where N meets
    another kind and 0 within a kind; ``d_i = sum_j |r_ij|``, of the same matrix for i and j. First
    ``N += 0.5 m(P) + 0.5 m(V)``, then ``P += 0.06 m(P) + 0.24 m(V) + a m(N)`` with a = 0.2 in training and 0.1 in
    evaluation; training rows gain half of m(V), without its first term, of their class. Loss: cross-entropy of
    ``100 cos(f, P)`` plus 0.1 times that of ``100 exp(cos(f, rows) - 1) L``. Prediction: the mean of both softmaxes,
    given as its logarithm.

    It needs raw image and text features, and a text encoder for the negative prompts. That reading's own: tanh, the
    degrees, weights from U(+-1/sqrt(d)). The recipe trains and selects.
    """

    title = "HeGraphAdapter"
    needs_tokens = False
    mixes = False
    needs_text = True

    negative: str = Field("a photo of no {}.", pattern=r".*\{\}.*", description="prompt of the negative texts")
    visual_weight: float = Field(0.1, ge=0, description="of the loss of the training rows' logits")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> HeterogeneousHead:
        name = self.plugin_name()
        text, train = raw_text_of(spec, name), support_of(spec, name)
        rows = torch.from_numpy(train.x).to(text)
        if is_normalised(rows):
            raise UsageError(
                f"{name} needs raw image features, and these are normalised. Store what the encoder gives."
            )
        labels = torch.from_numpy(train.y).long().to(text.device)
        return HeterogeneousHead(self, text, self.negatives(spec).to(text), rows, labels)

    def negatives(self, spec: HeadSpec) -> Tensor:
        """Raw text features (C, d) of the negative prompts."""
        if spec.encoder is None or not spec.names:
            raise UsageError(
                f"{self.plugin_name()} needs negative prompts: class names and a backbone with a text encoder."
            )
        tokens = spec.encoder.tokens([self.negative.format(name.replace("_", " ")) for name in spec.names])
        with torch.no_grad():
            return spec.encoder(spec.encoder.embed(tokens), tokens)

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        assert isinstance(model.head, HeterogeneousHead)
        return self.visual_weight * cross_entropy(model.head.visual_logits(batch.features.pooled), batch.targets)


class HeterogeneousHead(nn.Module):
    """See `HeGraph`; texts (C, d), negative texts (C, d) and training rows (n, d) are raw."""

    text: Tensor
    negative: Tensor
    rows: Tensor
    labels: Tensor
    means: Tensor

    def __init__(self, method: HeGraph, text: Tensor, negative: Tensor, rows: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.scale, width = method.scale, text.shape[1]
        means = class_means(rows, labels, len(text))
        buffers = {"text": text, "negative": negative, "rows": rows, "labels": labels, "means": means}
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)
        self.to_negative, self.to_positive, self.to_visual = (_drawn(width) for _ in range(3))

    def forward(self, features: Features) -> Tensor:
        """Text logits (B, C) in training, else the logarithm of the mean of both softmaxes."""
        text = self.scale * unit(features.pooled) @ unit(self.refined()).T
        if self.training:
            return text
        return ((text.softmax(1) + self.visual_logits(features.pooled).softmax(1)) / 2).log()

    def refined(self) -> Tensor:
        """The texts' nodes (C, d) after both steps."""
        p, n, v = self.text, self.negative, self.means
        negative = n + sum(0.5 * message(n, y, edges(n, y, -1), self.to_negative) for y in (p, v))
        weight = 0.2 if self.training else 0.1
        return (
            p
            + 0.06 * message(p, p, edges(p, p, 0), self.to_positive)
            + 0.24 * message(p, v, edges(p, v, 1), self.to_positive)
            + weight * message(p, negative, edges(p, n, -1), self.to_positive)
        )

    def visual_logits(self, x: Tensor) -> Tensor:
        """``100 exp(cos(f, rows) - 1) L`` (B, C) of raw features (B, d), with the rows moved."""
        moved = unit(self.rows + 0.5 * self.image_message()[self.labels])
        values = one_hot(self.labels, len(self.text)).to(moved)
        return self.scale * torch.exp(unit(x) @ moved.T - 1) @ values

    def image_message(self) -> Tensor:
        """m(V) at V without its first term, (C, d)."""
        among = edges(self.means, self.means, 0)
        return message(self.means, self.means, among, self.to_visual, own=False)


def edges(x: Tensor, y: Tensor, diagonal: int) -> Tensor:
    """Cosines (C, C) of two kinds of nodes, with the diagonal times -1, 0 or 1; a node of zeros touches nothing."""
    tiny = torch.finfo(x.dtype).tiny
    cosines = (x / x.norm(dim=1, keepdim=True).clamp(min=tiny)) @ (y / y.norm(dim=1, keepdim=True).clamp(min=tiny)).T
    return cosines * (1 + (diagonal - 1) * torch.eye(len(x), dtype=x.dtype, device=x.device))


def message(x: Tensor, y: Tensor, edges: Tensor, weight: Tensor, own: bool = True) -> Tensor:
    """What nodes x (C, d) hear from nodes y (C, d) over edges (C, C), and from themselves."""
    degrees = edges.abs().sum(1) + 1
    heard = (edges / (degrees.unsqueeze(1) * degrees).sqrt()) @ (y @ weight)
    return (heard + (x @ weight) / degrees.unsqueeze(1) if own else heard).tanh()


def _drawn(width: int) -> nn.Parameter:
    """A square matrix from U(-1/sqrt(width), 1/sqrt(width))."""
    return nn.Parameter((2 * torch.rand(width, width) - 1) / width**0.5)
