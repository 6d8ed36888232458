"""Rotations of what linear layers and 1x1 convolutions read, block by block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.backbones.attention import updated_layers
from bench.backbones.base import Backbone
from bench.core.errors import UsageError


def rotate_inputs(
    backbone: Backbone,
    method: str,
    targets: str,
    block: int,
    factors: int,
    added: Callable[[int], Tensor],
    skew: Callable[[Tensor], Tensor],
) -> None:
    """Turn the inputs of a backbone's layers by a trained rotation, in place.

    Args:
        method: Who asks, for the message and as the name of the parameter that each layer gets.
        targets: As of `updated_layers`.
        block: Side b of a block.
        factors: Their number m.
        added: Given d/b for inputs (..., d), the parameter at the start.
        skew: From the parameter to skew-symmetric matrices (m, d/b, b, b).

    Raises:
        UsageError: The backbone has no such layer, or one whose input the blocks do not fill.
    """
    layers = {name: backbone.get_submodule(name) for name in updated_layers(backbone, targets, method)}
    widths = {name: layer.get_parameter("weight").shape[1] for name, layer in layers.items()}
    wrong = next((name for name, width in widths.items() if width % (block * 2 ** (factors - 1))), None)
    if wrong is not None:
        raise UsageError(
            f"{method} cuts inputs into blocks of {block * 2 ** (factors - 1)}; {wrong} of {backbone.info.arch} reads "
            f"{widths[wrong]} numbers. Set smaller blocks, or choose another backbone or method."
        )

    def turn(layer: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        turns = cayley(skew(layer.get_parameter(method)))
        if isinstance(layer, nn.Linear):
            return rotated(inputs[0], turns)
        return rotated(inputs[0].movedim(1, -1), turns).movedim(-1, 1)  # of a convolution: each position is a token

    for name, layer in layers.items():
        layer.register_parameter(method, nn.Parameter(added(widths[name] // block)))
        layer.register_forward_pre_hook(turn)


def cayley(skew: Tensor) -> Tensor:
    """Rotations ``(I - Q)(I + Q)^-1`` of skew-symmetric matrices Q (..., b, b)."""
    one = torch.eye(skew.shape[-1], dtype=skew.dtype, device=skew.device)
    return torch.linalg.solve(one + skew, one - skew, left=False)


def rotated(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate vectors (..., d) by butterfly factors with blocks ``turns`` (m, d/b, b, b): ``x B_m ... B_1``.

    A block of factor i turns two halves of b/2 numbers that lie 2^(i-1) halves apart; a single factor is
    block-diagonal.
    """
    if len(turns) == 1:
        return torch.einsum("...nb,nbc->...nc", x.unflatten(-1, turns.shape[1:3]), turns[0]).flatten(-2)
    half = turns.shape[-1] // 2
    for level in reversed(range(len(turns))):
        apart = x.unflatten(-1, (-1, 2, 2**level, half)).transpose(-3, -2)
        turned = torch.einsum("...nb,nbc->...nc", apart.flatten(-2).flatten(-3, -2), turns[level])
        x = turned.unflatten(-2, (-1, 2**level)).unflatten(-1, (2, half)).transpose(-3, -2).flatten(-4)
    return x
