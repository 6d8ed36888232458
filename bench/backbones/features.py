"""What every backbone hands to every head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor  # listing backbones imports this package, and must not import torch


@dataclass(frozen=True)
class FeatureSpec:
    """Widths and layout of a backbone's features.

    Attributes:
        token_dim: Channels of a token.
        pooled_dim: Channels of the pooled vector; may differ from ``token_dim``.
        grid: Token layout, (H, W) or (D, H, W); tokens are its row-major flattening.
        family: "vit" or "cnn"; methods that fit only one say so before training starts.
    """

    token_dim: int
    pooled_dim: int
    grid: tuple[int, ...]
    family: Literal["vit", "cnn"]

    @property
    def tokens(self) -> int:
        """The number of tokens, N."""
        return math.prod(self.grid)


@dataclass(frozen=True)
class Features:
    """One batch of features.

    Attributes:
        tokens: (B, N, token_dim); patch tokens without class or register tokens, or a flattened map.
        pooled: (B, pooled_dim), as the backbone itself pools before its classifier.
    """

    tokens: Tensor
    pooled: Tensor

    def __getitem__(self, rows: slice | Tensor) -> Features:
        return Features(self.tokens[rows], self.pooled[rows])
