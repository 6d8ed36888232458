"""A linear probe that starts from the text features: zero-shot before the first step."""

from __future__ import annotations

from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import HeadSpec, Method
from bench.methods.text import raw_text_of, unit


class TextProbe(Method):
    """Linear probe whose class weights start as raw text features, scored by cosine ("ZS-LP" of CLAP, CVPR 2024)."""

    title = "Text probe"
    needs_tokens = False
    needs_text = True

    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        return PrototypeHead(raw_text_of(spec, self.plugin_name()), self.scale)


class PrototypeHead(nn.Module):
    """Cosines with learnable prototypes (C, d), which start as text features, times a scale."""

    text: Tensor

    def __init__(self, text: Tensor, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("text", text.clone(), persistent=False)
        self.prototypes = nn.Parameter(text.clone())

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled) @ unit(self.prototypes).T
