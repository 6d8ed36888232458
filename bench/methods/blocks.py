"""Seams of transformer blocks: where adapters stand beside, behind or after attention and MLP.

A block is ``x + attention(norm1(x))``, then ``x + mlp(norm2(x))``. Blocks of timm's plain Vision Transformer, of SAM's
encoder and of Swin are known; they differ in how attention is windowed and in the layout of tokens. A block of ConvNeXt
has the second branch alone, with a convolution ahead of its norm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError

Adapter = nn.Module | None


@dataclass(frozen=True)
class Seams:
    """What is put into one block; each entry maps tokens to something that is added to them.

    Attributes:
        around: In parallel to attention and MLP and their norm: reads ``x``, is added to what the branch gives.
        beside: In parallel to attention and MLP: reads ``norm(x)``, is added to what the branch gives.
        behind: In series within the branch: reads what attention and MLP give, is added to it before the residual.
        after: After the residual: reads ``x``, is added to it.
    """

    around: tuple[Adapter, Adapter] = (None, None)
    beside: tuple[Adapter, Adapter] = (None, None)
    behind: tuple[Adapter, Adapter] = (None, None)
    after: tuple[Adapter, Adapter] = (None, None)


class AdaptedBlock(nn.Module):
    """A block with modules at its seams; without any it computes what the block computes, to the bit."""

    def __init__(self, block: nn.Module, seams: Seams) -> None:
        super().__init__()
        self.block = block
        self.around, self.beside, self.behind, self.after = (
            nn.ModuleList([adapter or Nothing() for adapter in pair])
            for pair in (seams.around, seams.beside, seams.behind, seams.after)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) or (B, H, W, D) to tokens."""
        block: Any = self.block
        x = self._branch(0, x, block.norm1(x), lambda n: attention(block, n))
        return self._branch(1, x, block.norm2(x), lambda n: block.drop_path2(_scaled(block, 2, block.mlp(n))))

    def _branch(self, number: int, x: Tensor, normed: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
        given = branch(normed)
        given = plus(given, self.behind[number](given))
        given = plus(given, self.beside[number](normed))
        given = plus(given, self.around[number](x))
        x = x + given
        return plus(x, self.after[number](x))


@dataclass(frozen=True)
class Layout:
    """How the tokens that blocks see are laid out.

    Attributes:
        prefix: Class and register tokens before the patches.
        grid: Height and width of the patches that follow; ahead of them the number of slices, where blocks see several.
    """

    prefix: int
    grid: tuple[int, ...]


class AdaptedConvBlock(nn.Module):
    """A ConvNeXt block with modules at the seams of its only branch, the MLP's: the second of each pair."""

    def __init__(self, block: nn.Module, seams: Seams) -> None:
        super().__init__()
        self.block = block
        self.around, self.beside, self.behind, self.after = (
            pair[1] or Nothing() for pair in (seams.around, seams.beside, seams.behind, seams.after)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, H, W) to maps; adapters see (B, H, W, C)."""
        block: Any = self.block
        normed, given = _conv_branch(block, block.conv_dw(x))
        if block.gamma is not None:
            given = given * block.gamma
        given = block.drop_path(given)
        given = plus(given, self.behind(given))
        given = plus(given, self.beside(normed))
        given = plus(given, self.around(x.movedim(1, -1)))
        given = given + block.shortcut(x).movedim(1, -1)
        return plus(given, self.after(given)).movedim(-1, 1)


def _conv_branch(block: Any, maps: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised maps and what the MLP gives for them, (B, H, W, C)."""
    if block.use_conv_mlp:
        normed = block.norm(maps)
        return normed.movedim(1, -1), block.mlp(normed).movedim(1, -1)
    normed = block.norm(maps.movedim(1, -1))
    return normed, block.mlp(normed)


class Nothing(nn.Module):
    """Stands at a seam where no adapter is."""

    def forward(self, x: Tensor) -> None:
        """Nothing to add."""
        return None


class OnGrid(nn.Module):
    """Lets a module for maps (B, H, W, D) work on tokens; in a volume each slice is a map of its own.

    Args:
        inner: (B, H, W, D) to (B, H, W, d).
        layout: Of the tokens; see `layout_of`.
        prefix: What class and register tokens give: zeros, maps of one pixel that go through alone, or themselves.
    """

    def __init__(self, inner: nn.Module, layout: Layout, prefix: Literal["zeros", "alone", "kept"] = "zeros") -> None:
        super().__init__()
        self.inner, self.layout, self.prefix = inner, layout, prefix

    def forward(self, x: Tensor) -> Tensor:
        """(B, n + H W, D), (B, n + slices H W, D) or (B, H, W, D) to the same shape."""
        if x.ndim == 4:
            return self.inner(x)
        first, patches = x[:, : self.layout.prefix], x[:, self.layout.prefix :]
        patches = self._mapped(patches, *self.layout.grid[-2:])
        if not self.layout.prefix:
            return patches
        return torch.cat([self._first(first), patches], dim=1)

    def _first(self, x: Tensor) -> Tensor:
        if self.prefix == "kept":
            return x
        return self._mapped(x, 1, 1) if self.prefix == "alone" else torch.zeros_like(x)

    def _mapped(self, x: Tensor, height: int, width: int) -> Tensor:
        return self.inner(x.reshape(-1, height, width, x.shape[-1])).reshape(len(x), x.shape[1], -1)


def plus(x: Tensor, added: Tensor | None) -> Tensor:
    """The sum, or ``x`` itself where there is nothing to add."""
    return x if added is None else x + added


def attention(block: Any, normed: Tensor) -> Tensor:
    """What a block's attention branch gives for normalised tokens."""
    from timm.models.vision_transformer_sam import Block as SamBlock
    from timm.models.vision_transformer_sam import window_partition, window_unpartition

    if hasattr(block, "_attn"):  # Swin shifts and cuts windows itself
        return block.drop_path1(block._attn(normed))
    if not isinstance(block, SamBlock) or block.window_size == 0:
        return block.drop_path1(_scaled(block, 1, block.attn(normed)))
    windows, padded = window_partition(normed, block.window_size)
    given = block.drop_path1(_scaled(block, 1, block.attn(windows)))
    return window_unpartition(given, block.window_size, (normed.shape[1], normed.shape[2]), padded)


def adapt_blocks(backbone: Backbone, method: str, build: Callable[[int, int], Seams], convnext: bool = False) -> None:
    """Put adapters into every block of a backbone.

    Args:
        method: Who asks, for the message.
        build: Given a block's number and its tokens' width, what to put there.
        convnext: Whether the method has a place for blocks without attention.

    Raises:
        UsageError: The backbone is built from other blocks.
    """
    number = 0
    for sequence in block_lists(backbone, method, convnext):
        for place, block in enumerate(sequence):
            norm: Any = getattr(block, "norm1", None) or block.norm
            adapted = AdaptedBlock if hasattr(block, "norm1") else AdaptedConvBlock
            sequence[place] = adapted(block, build(number, norm.weight.numel()))
            number += 1


def block_lists(backbone: Backbone, method: str, convnext: bool = False) -> list[nn.Sequential]:
    """The lists of blocks of a transformer or, where `convnext` says so, of a ConvNeXt, stage by stage.

    Raises:
        UsageError: The backbone is built from other blocks.
    """
    from timm.models.convnext import ConvNeXtBlock
    from timm.models.swin_transformer import SwinTransformerBlock
    from timm.models.vision_transformer import Block
    from timm.models.vision_transformer_sam import Block as SamBlock

    model = getattr(backbone, "model", None)
    stages = [model, *getattr(model, "layers", ()), *getattr(model, "stages", ())]
    found = [getattr(stage, "blocks", None) for stage in stages]
    lists = [blocks for blocks in found if isinstance(blocks, nn.Sequential)]
    kinds = (Block, SamBlock, SwinTransformerBlock, *([ConvNeXtBlock] if convnext else []))
    if not lists or not all(type(block) in kinds for blocks in lists for block in blocks):
        names = (
            "plain Vision Transformer, SAM, Swin or ConvNeXt" if convnext else "plain Vision Transformer, SAM or Swin"
        )
        raise UsageError(
            f"{method} needs the blocks of timm's {names}; {backbone.info.arch} is built differently. Choose another "
            "backbone or method."
        )
    return lists


def layout_of(backbone: Backbone, method: str, convnext: bool = False) -> Layout:
    """The layout of tokens in a backbone's blocks; of a backbone that runs a 2D backbone on every slice, the
    backbone's.

    Raises:
        UsageError: The backbone is built from other blocks.
    """
    block_lists(backbone, method, convnext)
    plane: Any = getattr(backbone, "backbone", backbone)
    return Layout(int(getattr(backbone.model, "num_prefix_tokens", 0)), plane.spec.grid)


def _scaled(block: Any, number: int, branch: Tensor) -> Tensor:
    """Through the block's layer scale, where it has one."""
    scale = getattr(block, f"ls{number}", None)
    return branch if scale is None else scale(branch)
