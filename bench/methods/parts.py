"""Small modules and checks that several methods use."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from bench.backbones import Features
from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.tasks.base import HeadSpec


class PooledLinear(nn.Module):
    """A linear layer on the pooled features: (B, pooled_dim) -> (B, outputs)."""

    def __init__(self, dim: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(dim, outputs)

    def forward(self, features: Features) -> Tensor:
        """Outputs (B, outputs)."""
        return self.fc(features.pooled)


def plain_head(spec: HeadSpec) -> nn.Module:
    """The head that the task wants where a method has none of its own."""
    if spec.plain is not None:
        return spec.plain(spec)
    return PooledLinear(spec.features.pooled_dim, spec.outputs)


def vit_blocks(backbone: Backbone, method: str) -> nn.Sequential:
    """The blocks of a plain timm Vision Transformer: ``x + attn(norm1(x))``, then ``x + mlp(norm2(x))``.

    Args:
        method: Who asks, for the message.

    Raises:
        UsageError: The backbone is built from other blocks.
    """
    from timm.models.vision_transformer import Block

    blocks = getattr(getattr(backbone, "model", None), "blocks", None)
    if not isinstance(blocks, nn.Sequential) or not all(type(block) is Block for block in blocks):
        raise UsageError(
            f"{method} needs the blocks of timm's plain Vision Transformer (vit_*, deit_*); {backbone.info.arch} is "
            "built differently. Choose another backbone or method."
        )
    return blocks


def add_on_tokens(layer: nn.Module, x: Tensor, output: Tensor, update: Callable[[Tensor], Tensor]) -> Tensor:
    """A layer's output with something added to each token.

    Args:
        layer: Linear, or a 1x1 convolution, of which each position is a token.
        x: What it read.
        update: Tokens (..., inputs) to (..., outputs).
    """
    if isinstance(layer, nn.Linear):
        return output + update(x)
    assert isinstance(layer, nn.Conv2d)
    down, right = (int(step) for step in layer.stride)
    return output + update(x[..., ::down, ::right].movedim(1, -1)).movedim(-1, 1)
