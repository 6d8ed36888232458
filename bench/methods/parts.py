"""Small modules that several methods use."""

from __future__ import annotations

from torch import Tensor, nn

from bench.backbones import Features


class PooledLinear(nn.Module):
    """A linear classifier on the pooled features: (B, pooled_dim) -> (B, classes)."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(dim, classes)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, classes)."""
        return self.fc(features.pooled)
