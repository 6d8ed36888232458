"""CoCoOp: prompt contexts that depend on the image."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import HeadSpec, Method
from bench.methods.prompts import PromptTexts, drawn_context
from bench.methods.text import unit


class CoCoOp(Method):
    """CoCoOp: CoOp's context plus a shift that a small network reads from the image (Zhou et al., CVPR 2022, eq. 3).

    Every image has its own text features, so a step costs as many passes of the text encoder as the batch has images;
    the paper trains with batch 1.
    """

    title = "CoCoOp"
    needs_tokens = False
    needs_text = True

    context: PositiveInt = Field(4, description="context vectors M")
    reduction: PositiveInt = Field(16, description="width of the features over that of the network's hidden layer")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        return ConditionalHead(PromptTexts.of(spec, self.context, self.plugin_name()), spec, self)


class ConditionalHead(nn.Module):
    """Cosines with text features of prompts that depend on the image, times a scale."""

    def __init__(self, prompts: PromptTexts, spec: HeadSpec, method: CoCoOp) -> None:
        super().__init__()
        self.prompts, self.scale, width = prompts, method.scale, spec.features.pooled_dim
        hidden = max(1, width // method.reduction)
        self.ctx = drawn_context(method.context, prompts.width)
        self.shift = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, prompts.width))

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        images = unit(features.pooled)
        texts = (self.prompts(self.ctx + shift) for shift in self.shift(images))
        return torch.stack([self.scale * unit(text) @ x for text, x in zip(texts, images, strict=True)])
