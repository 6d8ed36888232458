"""What every backbone hands to every head."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor  # listing backbones imports this package, and must not import torch

Family = Literal["vit", "cnn", "hybrid"]
FAMILIES: tuple[Family, ...] = ("vit", "cnn", "hybrid")

# Whether the order of slices changes the pooled vector: never; not at the start, but weights can learn it; from the
# start. A frozen backbone that has not learnt it treats "learnable" as "ignored".
DepthOrder = Literal["ignored", "learnable", "used"]


@dataclass(frozen=True)
class FeatureSpec:
    """Widths and layout of a backbone's features.

    Attributes:
        token_dim: Channels of a token.
        pooled_dim: Channels of the pooled vector; may differ from ``token_dim``.
        grid: Token layout, (H, W) or (D, H, W); tokens are its row-major flattening.
        family: "vit" (plain Vision Transformer), "cnn", or "hybrid" (windows, pooling attention, mixers); methods that
            fit only some say so before training starts.
        levels: (channels, height, width) of each map in `Features.levels`, finest first; empty where the task asks for
            none. The last one is the tokens, laid out on their grid.
    """

    token_dim: int
    pooled_dim: int
    grid: tuple[int, ...]
    family: Family
    levels: tuple[tuple[int, int, int], ...] = ()

    @property
    def tokens(self) -> int:
        """The number of tokens, N."""
        return math.prod(self.grid)

    def pooling_tokens(self) -> FeatureSpec:
        """The layout of `Features.with_tokens`."""
        return replace(self, pooled_dim=self.token_dim)


@dataclass(frozen=True)
class Features:
    """One batch of features.

    Attributes:
        tokens: (B, N, token_dim); patch tokens without class or register tokens, or a flattened map.
        pooled: (B, pooled_dim), as the backbone itself pools before its classifier.
        embedding: (B, d) in a space shared with text, where the backbone has one.
        levels: Maps (B, C, H, W) from fine to coarse, where the task asked for them; the last one is the tokens.
    """

    tokens: Tensor
    pooled: Tensor
    embedding: Tensor | None = None
    levels: tuple[Tensor, ...] | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> Features:
        """The same features with every tensor changed in one way."""
        return replace(
            self,
            tokens=change(self.tokens),
            pooled=change(self.pooled),
            embedding=None if self.embedding is None else change(self.embedding),
            levels=None if self.levels is None else tuple(change(level) for level in self.levels),
        )

    def with_tokens(self, tokens: Tensor, grid: tuple[int, ...]) -> Features:
        """Features whose tokens (B, N, D) a method has changed: they are pooled by their mean and, laid out on their
        grid, are the coarsest map."""
        levels = self.levels
        if levels is not None:
            levels = (*levels[:-1], tokens.transpose(1, 2).unflatten(2, grid))
        return replace(self, tokens=tokens, pooled=tokens.mean(1), levels=levels)

    def __getitem__(self, rows: slice | Tensor) -> Features:
        return self.map(lambda tensor: tensor[rows])
