"""DTL: a narrow side path that reads every block's input and is added behind the later blocks."""

from __future__ import annotations

import math

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.blocks import OnGrid, layout_of
from bench.methods.parts import vit_blocks


class LowRank(nn.Module):
    """``x A^T B^T`` of rank r, of the shape of x; B is zero at the start."""

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        self.down, self.up = nn.Parameter(torch.empty(rank, dim)), nn.Parameter(torch.zeros(dim, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the side path."""
        return x @ self.down.T @ self.up.T


class Depthwise(nn.Conv2d):
    """A 3x3 convolution of each channel, on maps (B, H, W, C)."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, dim, 3, padding=1, groups=dim, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the same shape."""
        return super().forward(maps.movedim(-1, 1)).movedim(1, -1)


class WithSidePath(nn.Module):
    """The blocks of a plain Vision Transformer with the side path h: ``h += B_i A_i x`` before block i, and
    ``x += mix(h sigmoid(beta h))`` behind it from block `start` on.

    Args:
        mix: Of tokens (B, N, D); None: they stay as they are.
    """

    def __init__(self, blocks: nn.Sequential, updates: list[LowRank], start: int, beta: float, mix: OnGrid | None):
        super().__init__()
        self.blocks, self.updates, self.mix = blocks, nn.ModuleList(updates), mix
        self.start, self.beta = start, beta

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to tokens."""
        side = torch.zeros_like(x)
        for number, (block, update) in enumerate(zip(self.blocks, self.updates, strict=True)):
            side = side + update(x)
            x = block(x)
            if number >= self.start:
                added = side * torch.sigmoid(self.beta * side)
                x = x + (added if self.mix is None else self.mix(added))
        return x


class DTL(Method):
    """DTL (Fu, Zhu and Wu, AAAI 2024): the trained path runs beside the backbone and is added behind its later blocks.

    Blocks before `start` need no backward pass. Rank 2, beta 100 and a start behind the seventh of twelve blocks are
    the released code's. `plus` is DTL+: a depthwise 3x3 convolution of the patches, shared by all blocks, which class
    and register tokens pass by; its start is ours. The released model pools the mean of the patches ahead of the norm;
    here the head reads what the backbone pools.
    """

    title = "DTL"
    families = ("vit",)
    identity_at_start = True

    rank: PositiveInt = Field(2, description="of the update before each block")
    start: NonNegativeInt | None = Field(
        None, description="first block, from 0, behind which the path is added; None: half-way, 6 of 12"
    )
    beta: PositiveFloat = Field(100.0, description="steepness of the activation x sigmoid(beta x)")
    plus: bool = Field(False, description="DTL+: convolve what is added")

    def inject(self, backbone: Backbone) -> None:
        blocks, layout = vit_blocks(backbone, self.plugin_name()), layout_of(backbone, self.plugin_name())
        start = len(blocks) // 2 if self.start is None else self.start
        if start >= len(blocks):
            raise UsageError(f"dtl: start={start}, but {backbone.info.arch} has {len(blocks)} blocks. Set it lower.")
        dim = backbone.spec.token_dim
        mix = OnGrid(Depthwise(dim), layout, prefix="kept") if self.plus else None
        updates = [LowRank(dim, self.rank) for _ in blocks]
        backbone.model.blocks = WithSidePath(blocks, updates, start, self.beta, mix)  # type: ignore[union-attr]
