"""CLIP-Adapter: a small residual network on the image features."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import HeadSpec, Method
from bench.methods.text import text_of, unit


class ClipAdapter(Method):
    """CLIP-Adapter: ``f' = r relu(W2 relu(W1 f)) + (1 - r) f``, without biases (Gao et al., IJCV 2024, eq. 3-5).

    Both parts are homogeneous and f' is normalised, so raw and normalised features give the same logits.
    """

    title = "CLIP-Adapter"
    needs_tokens = False
    needs_text = True

    ratio: float = Field(0.2, ge=0, le=1, description="share r of the adapted features")
    reduction: PositiveInt = Field(4, description="width of the features over that of the bottleneck")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        return AdapterHead(self, spec)


class AdapterHead(nn.Module):
    """See `ClipAdapter`."""

    text: Tensor

    def __init__(self, method: ClipAdapter, spec: HeadSpec) -> None:
        super().__init__()
        self.ratio, self.scale, width = method.ratio, method.scale, spec.features.pooled_dim
        hidden = max(1, width // method.reduction)
        self.fc = nn.Sequential(
            nn.Linear(width, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, width, bias=False), nn.ReLU()
        )
        self.register_buffer("text", unit(text_of(spec, method.plugin_name())), persistent=False)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        x = features.pooled
        return self.scale * unit(self.ratio * self.fc(x) + (1 - self.ratio) * x) @ self.text.T
