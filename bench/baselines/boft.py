"""BOFT: rotations of what a frozen backbone's layers read, as products of sparse butterfly factors."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.rotations import rotate_inputs


class BOFT(Method):
    """BOFT (Liu et al., ICLR 2024): layers read ``x R``, ``R = B_m ... B_1``, at first the identity.

    Factor i turns blocks made of two halves, 2^(i-1) halves apart, by Cayley's transform of ``Q = (A - A') / 2``.
    All entries of A are counted, as in the paper. Not through `peft`, which computes one factor alone where it cannot
    build a CUDA extension, and trains a factor of each output, which the paper's equation lacks.
    """

    title = "BOFT"
    identity_at_start = True

    factors: PositiveInt = Field(2, description="m, the number of butterfly factors")
    block: PositiveInt = Field(4, multiple_of=2, description="b, the side of a block, even")
    targets: Literal["attention", "linear"] = Field(
        "attention", description="as those of lora: projections to queries, keys and values, or all linear layers"
    )

    def inject(self, backbone: Backbone) -> None:
        def zeros(blocks: int) -> Tensor:
            return torch.zeros(self.factors, blocks, self.block, self.block)

        rotate_inputs(backbone, self.plugin_name(), self.targets, self.block, self.factors, zeros, _skew)


def _skew(matrices: Tensor) -> Tensor:
    return (matrices - matrices.mT) / 2
