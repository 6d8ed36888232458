"""AdaptFormer: a small bottleneck beside the MLP of every block of a frozen Vision Transformer."""

from __future__ import annotations

import math
from typing import cast

from pydantic import Field, PositiveFloat, PositiveInt
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.parts import vit_blocks


class AdaptedBlock(nn.Module):
    """A timm block with ``scale * up(dropout(relu(down(x))))`` beside its MLP; zero at the start."""

    def __init__(self, block: Block, dim: int, bottleneck: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.block = block
        self.down = nn.Linear(dim, bottleneck)
        self.up = nn.Linear(bottleneck, dim)
        self.scale = scale
        self.dropout = nn.Dropout(dropout)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to tokens."""
        block: Block = self.block
        x = x + block.drop_path1(block.ls1(block.attn(block.norm1(x))))
        beside = self.scale * self.up(self.dropout(self.down(x).relu()))
        return x + block.drop_path2(block.ls2(block.mlp(block.norm2(x)))) + beside


class AdaptFormer(Method):
    """AdaptFormer (Chen et al., NeurIPS 2022): a parallel bottleneck beside each MLP; Vision Transformers only.

    Width 64, scale 0.1, no norm before the bottleneck, Kaiming-uniform down and zero up projection are the paper's and
    its code's. That code also drops out 0.1 inside the bottleneck and puts a batch norm without parameters before the
    classifier; here the first must be asked for, the second is left out.
    """

    title = "AdaptFormer"
    families = ("vit",)
    identity_at_start = True

    bottleneck: PositiveInt = Field(64, description="hidden units of the added path")
    scale: PositiveFloat = Field(0.1, description="factor of the added path")
    dropout: float = Field(0.0, ge=0, lt=1, description="inside the added path; the released code has 0.1")

    def inject(self, backbone: Backbone) -> None:
        blocks = vit_blocks(backbone, self.plugin_name())
        for number, block in enumerate(blocks):
            blocks[number] = AdaptedBlock(
                cast(Block, block), backbone.spec.token_dim, self.bottleneck, self.scale, self.dropout
            )
