"""MoRA: updates of high rank by one small square matrix a layer of a frozen backbone."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from bench.backbones.attention import updated_layers
from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.parts import add_on_tokens


class MoRA(Method):
    """MoRA (Jiang et al., arXiv 2405.12130, 2024): a square matrix of as many numbers as LoRA's two thin ones.

    The variant with rotation (section 4.2): the input is cut into pieces as long as the matrix is wide (the last one
    filled up with the start of the input, as in the released code), each piece is rotated by its own angles (rotary
    embedding) and multiplied, and the results are strung together, repeated or cut to the width of the output. The
    matrix is 0 at the start. `peft` has no MoRA. The paper updates all linear layers of language models; here
    ``targets=linear`` does.
    """

    title = "MoRA"
    identity_at_start = True

    rank: PositiveInt = Field(8, description="of the LoRA that has as many parameters")
    targets: Literal["attention", "linear"] = Field(
        "attention", description="as those of lora: projections to queries, keys and values, or all linear layers"
    )

    def inject(self, backbone: Backbone) -> None:
        for name in updated_layers(backbone, self.targets, self.plugin_name()):
            layer = backbone.get_submodule(name)
            outputs, inputs, *_ = layer.get_parameter("weight").shape
            side = square_side(outputs, inputs, self.rank)
            layer.register_parameter("mora", nn.Parameter(torch.zeros(side, side)))
            layer.register_forward_hook(_add_update)


def square_side(outputs: int, inputs: int, rank: int) -> int:
    """Side of the matrix: at most as many numbers as ``rank * (inputs + outputs)``, even, so that pairs can rotate."""
    side = math.isqrt(rank * (inputs + outputs))
    return max(2, min(side, inputs) // 2 * 2)


def update(x: Tensor, matrix: Tensor, outputs: int) -> Tensor:
    """What the square matrix adds: (..., inputs) to (..., outputs); linear in ``x``."""
    side = len(matrix)
    pieces = torch.cat([x, x[..., : -x.shape[-1] % side]], dim=-1).unflatten(-1, (-1, side))
    flat = (_rotated(pieces) @ matrix.T).flatten(-2)
    repeats = -(-outputs // flat.shape[-1])
    return torch.cat([flat] * repeats, dim=-1)[..., :outputs]


def _rotated(pieces: Tensor) -> Tensor:
    """Rotate pairs of numbers in piece i (..., pieces, side) by the angles i * 10000^(-2 j / side)."""
    count, side = pieces.shape[-2:]
    steps = torch.arange(side // 2, device=pieces.device, dtype=torch.float32)
    angles = torch.arange(count, device=pieces.device)[:, None] * 10000 ** (-2 * steps / side)
    cos, sin = angles.cos().to(pieces.dtype), angles.sin().to(pieces.dtype)
    one, other = pieces.chunk(2, dim=-1)
    return torch.cat([one * cos - other * sin, other * cos + one * sin], dim=-1)


def _add_update(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    matrix, outputs = layer.get_parameter("mora"), layer.get_parameter("weight").shape[0]
    return add_on_tokens(layer, inputs[0], output, lambda x: update(x, matrix, outputs))
