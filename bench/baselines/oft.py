"""OFT: rotations of what a frozen backbone's layers read, block by block."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.rotations import rotate_inputs


class OFT(Method):
    """OFT (Qiu et al., NeurIPS 2023): layers read ``x R``, R being block-diagonal, at first the identity.

    A block is Cayley's ``(I - Q)(I + Q)^-1`` of a skew-symmetric Q, whose upper triangle trains. On linear layers it
    equals `peft`'s with ``use_cayley_neumann=False``; not through that library, which takes the (B, H, W, C) inputs of
    ConvNeXt's and Swin's linear layers for those of convolutions.
    """

    title = "OFT"
    identity_at_start = True

    block: PositiveInt = Field(8, ge=2, description="side of a block; the library's default is 32")
    targets: Literal["attention", "linear"] = Field(
        "attention", description="as those of lora: projections to queries, keys and values, or all linear layers"
    )

    def inject(self, backbone: Backbone) -> None:
        def zeros(blocks: int) -> Tensor:
            return torch.zeros(blocks, self.block * (self.block - 1) // 2)

        rotate_inputs(backbone, self.plugin_name(), self.targets, self.block, 1, zeros, self._skew)

    def _skew(self, triangles: Tensor) -> Tensor:
        """(blocks, b (b - 1) / 2) to (1, blocks, b, b)."""
        rows, columns = torch.triu_indices(self.block, self.block, 1, device=triangles.device)
        upper = triangles.new_zeros(len(triangles), self.block, self.block)
        upper[:, rows, columns] = triangles
        return (upper - upper.mT)[None]
