"""LST: a small transformer beside a frozen one, fed by its blocks; the head reads the small one."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.parts import vit_blocks


class Rung(nn.Module):
    """One step of the ladder: ``block(g s + (1 - g) down(h))`` with ``g = sigmoid(gate / temperature)``."""

    def __init__(self, dim: int, block: Block, width: int, temperature: float) -> None:
        super().__init__()
        self.down, self.block, self.gate = nn.Linear(dim, width), block, nn.Parameter(torch.zeros(1))
        self.temperature = temperature

    def forward(self, side: Tensor, backbone: Tensor) -> Tensor:
        """Side tokens (B, N, d) and those of the frozen block (B, N, D) to side tokens."""
        share = torch.sigmoid(self.gate / self.temperature)
        return self.block(share * side + (1 - share) * self.down(backbone))


class Ladder(nn.Module):
    """Frozen blocks with a side network, whose last tokens, widened again, are the output.

    Args:
        rungs: By the number of the frozen block that they read.
        width: Of side tokens.
    """

    def __init__(self, blocks: nn.Sequential, rungs: dict[int, Rung], dim: int, width: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.rungs = nn.ModuleDict({str(number): rung for number, rung in rungs.items()})
        self.first, self.norm, self.up = nn.Linear(dim, width), nn.LayerNorm(width, eps=1e-6), nn.Linear(width, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to tokens."""
        side = self.first(x)
        for number, block in enumerate(self.blocks):
            x = block(x)
            if (name := str(number)) in self.rungs:
                side = self.rungs[name](side, x)
        return self.up(self.norm(side))


class LST(Method):
    """LST, ladder side tuning (Sung, Cho and Bansal, NeurIPS 2022): no backward pass through the frozen network.

    Each frozen block's output is narrowed by `reduction` and joins the side tokens through a learned gate; the head
    reads the side tokens, widened to the backbone's width, so that the backbone's last norm is left out. Published on
    language models; the reduction by 8 and the temperature 0.1 are the released code's. It starts the side network from
    pruned weights of the backbone, chosen by Fisher information on the data, and drops a quarter of its blocks; here
    the start is random, and `every` thins the blocks out.
    """

    title = "LST"
    families = ("vit",)

    reduction: PositiveInt = Field(8, description="how many times narrower side tokens are")
    every: PositiveInt = Field(1, description="a side block reads each n-th frozen block, counted from the last")
    temperature: PositiveFloat = Field(0.1, description="of the gates")

    def inject(self, backbone: Backbone) -> None:
        model: Any = backbone.model
        blocks, dim = vit_blocks(backbone, self.plugin_name()), backbone.spec.token_dim
        chosen = [number for number in range(len(blocks)) if (len(blocks) - 1 - number) % self.every == 0]
        width = dim // self.reduction
        rungs = {n: Rung(dim, self._side_block(blocks[n], backbone), width, self.temperature) for n in chosen}
        model.blocks = Ladder(blocks, rungs, dim, width)
        model.norm = model.fc_norm = nn.Identity()

    def _side_block(self, block: Any, backbone: Backbone) -> Block:
        """A block of the frozen one's kind, narrower."""
        dim, heads = block.attn.qkv.in_features, block.attn.num_heads
        if dim % (self.reduction * heads):
            raise UsageError(
                f"lst: reduction={self.reduction} times {heads} heads must divide {dim}, the width of "
                f"{backbone.info.arch}. Set another reduction."
            )
        return Block(dim // self.reduction, heads, mlp_ratio=block.mlp.fc1.out_features / dim, qkv_bias=True)
