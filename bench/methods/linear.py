"""Linear layers of blocks with something affine before or beside them: what is trained so merges into the layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods.blocks import block_lists


class AdaptedLinear(nn.Module):
    """A frozen linear layer with additions, ``layer(x + before(x)) + beside(x)``.

    Args:
        before: Affine, (..., inputs) to the same shape; None: nothing.
        beside: Affine, (..., inputs) to (..., outputs); None: nothing.
    """

    def __init__(self, layer: nn.Linear, before: nn.Module | None = None, beside: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.before, self.beside = layer, before, beside

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        given = self.layer(x if self.before is None else x + self.before(x))
        return given if self.beside is None else given + self.beside(x)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One layer that computes the same: its bias is the image of zero, its columns come from the unit vectors."""
        outputs, inputs = self.layer.weight.shape
        weight = self.layer.weight
        bias = self(weight.new_zeros(1, inputs))[0]
        columns = self(torch.eye(inputs).to(weight)) - bias
        layer = nn.Linear(inputs, outputs, device=weight.device, dtype=weight.dtype)
        layer.bias.copy_(bias)
        layer.weight.copy_(columns.T)
        return layer


def adapt_layers(
    backbone: Backbone,
    method: str,
    names: tuple[str, ...],
    build: Callable[[str, nn.Linear], AdaptedLinear],
    convnext: bool = False,
) -> None:
    """Put something before or beside linear layers of every block of a backbone, block by block.

    Args:
        method: Who asks, for the message.
        names: Of the layers within a block, such as "attn.qkv".
        build: Given a layer and its name in the block, what takes its place.
        convnext: Whether blocks without attention will do; they then lack "attn" and what is in it.

    Raises:
        UsageError: The backbone is built from other blocks, or from such without a layer to adapt.
    """
    for sequence in block_lists(backbone, method, convnext):
        for block in sequence:
            layers = {name: layer for name, layer in block.named_modules() if name in names}
            if not layers or not all(isinstance(layer, nn.Linear) for layer in layers.values()):
                raise UsageError(
                    f"{method} needs linear layers {' or '.join(names)}, which {backbone.info.arch} lacks."
                )
            for name in names:
                if name in layers:
                    block.set_submodule(name, build(name, layers[name]))


def merge(backbone: Backbone) -> None:
    """Merge what stands before and beside linear layers into them, in place, for inference: outputs stay the same."""
    backbone.eval()
    for name, module in list(backbone.named_modules()):
        if isinstance(module, AdaptedLinear):
            backbone.set_submodule(name, module.merged())
