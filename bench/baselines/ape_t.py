"""APE-T: a residual on chosen channels, shared by a class's text and its keys, and a weight for each key."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from bench.backbones import Features
from bench.baselines.ape import criterion_of, kept
from bench.baselines.tip_adapter import cached, one_hot
from bench.methods import HeadSpec, Method
from bench.methods.text import support_of, text_of, unit


class APET(Method):
    """APE-T: ``100 f t' + alpha exp(-beta (1 - f K')) L v``, ``t' = t + r``, ``K' = K + r`` (Zhu et al., ICCV 2023).

    The residual r (C, q) starts at 0 and v at 1; nothing is made a unit vector again. Channels are chosen by APE's
    criterion of text alone. The released code takes the number of channels from two fields and fails where they differ
    (8 of 11 configurations), and reads APE's criterion from its file where APE ran before; here each has its own.

    Alpha and beta are fixed, as while the released code trains, which searches them again afterwards; here other values
    are other cells. It trains by AdamW with eps 1e-3 and a decay of 0.1, 20 to 30 epochs; here the recipe trains and
    selects.
    """

    title = "APE-T"
    needs_tokens = False
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the zero-shot cosines")
    share: float = Field(0.78125, gt=0, le=1, description="of the channels that moves; released: 500 to 900 of 1,024")
    similarity_weight: float = Field(0.2, ge=0, le=1, description="w of the criterion; the rest is the variance's")
    alpha: NonNegativeFloat = Field(2.0, description="weight of the cache")
    beta: PositiveFloat = Field(1.0, description="sharpness of the cache")

    def head(self, spec: HeadSpec) -> nn.Module:
        name = self.plugin_name()
        train, text = support_of(spec, name), unit(text_of(spec, name))
        keys, labels = torch.from_numpy(train.x).to(text), torch.from_numpy(train.y).long().to(text.device)
        return ResidualCache(self, unit(keys), labels, text)


class ResidualCache(nn.Module):
    """See `APET`; keys (n, d) and text (C, d) of length 1."""

    keys: Tensor
    labels: Tensor
    values: Tensor
    text: Tensor
    channels: Tensor

    def __init__(self, method: APET, keys: Tensor, labels: Tensor, text: Tensor) -> None:
        super().__init__()
        self.method = method
        nothing = keys[:0], labels[:0]
        channels = kept(criterion_of(text, *nothing, method.similarity_weight), method.share)
        for name, buffer in {"keys": keys, "labels": labels, "text": text, "channels": channels}.items():
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer("values", one_hot(labels, len(text)).to(text), persistent=False)
        self.residual = nn.Parameter(text.new_zeros(len(text), len(channels)))
        self.key_weights = nn.Parameter(text.new_ones(len(keys), 1))

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        x, (text, keys) = unit(features.pooled), self.moved()
        cache = cached(x @ keys.T, self.values * self.key_weights, self.method.beta)
        return self.method.scale * x @ text.T + self.method.alpha * cache

    def moved(self) -> tuple[Tensor, Tensor]:
        """Text (C, d) and keys (n, d) with the residual on the chosen channels."""
        offset = torch.zeros_like(self.text).index_copy(1, self.channels, self.residual)
        return self.text + offset, self.keys + offset[self.labels]
