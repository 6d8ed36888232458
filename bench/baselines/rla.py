"""RLA: a linear map of the image features, held near the identity."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import Batch, HeadSpec, Method
from bench.methods.model import Model
from bench.methods.text import support_of, text_of, unit


class RLA(Method):
    """Regularised linear adapter: ``f' = W f`` with cross-entropy + ``lambda |W - I|^2`` (Fahes et al., 2410.05270).

    It is ProLIP's form for models whose last projection cannot be reached. W starts at the identity, so training starts
    at zero-shot. Lambda is 1/N for N shots as in the released code, unless it is given. That code trains by Adam with
    eps 1e-4, 300 full-batch epochs of a cosine, and looks at no validation data; here the recipe trains and selects.
    """

    title = "RLA"
    needs_tokens = False
    needs_text = True

    weight: NonNegativeFloat | None = Field(None, description="lambda; none: 1 over the mean number of rows a class")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> LinearAdapter:
        name = self.plugin_name()
        weight = spec.outputs / len(support_of(spec, name).y) if self.weight is None else self.weight
        return LinearAdapter(unit(text_of(spec, name)), weight, self.scale)

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        assert isinstance(model.head, LinearAdapter)
        return model.head.penalty()


class LinearAdapter(nn.Module):
    """Cosines of mapped images with unit text features (C, d), times a scale."""

    text: Tensor

    def __init__(self, text: Tensor, weight: float, scale: float) -> None:
        super().__init__()
        self.weight, self.scale = weight, scale
        self.register_buffer("text", text, persistent=False)
        self.map = nn.Parameter(torch.eye(text.shape[1], dtype=text.dtype, device=text.device))

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled @ self.map.T) @ self.text.T

    def penalty(self) -> Tensor:
        """``lambda sum (W - I)^2``."""
        identity = torch.eye(len(self.map), dtype=self.map.dtype, device=self.map.device)
        return self.weight * (self.map - identity).square().sum()
