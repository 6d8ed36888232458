"""Stochastic depth: residual blocks left out at random while the backbone trains (Huang et al., ECCV 2016)."""

from __future__ import annotations

import torch
from timm.layers import DropPath
from torch import nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError

_PLACES = ("drop_path", "drop_path1", "drop_path2", "drop_path3")  # what timm's blocks call it


def set_drop_path(backbone: Backbone, rate: float) -> None:
    """Let each residual block be left out in training, with a chance that grows linearly from 0 to ``rate``.

    timm's own constructors do the same, with a flag that must be known when the model is built.

    Raises:
        UsageError: The backbone's blocks have no place for it.
    """
    blocks = [module for module in backbone.modules() if any(_is_place(module, name) for name in _PLACES)]
    if not blocks:
        raise UsageError(f"{backbone.info.arch} has no blocks that drop_path could leave out. Set drop_path=0.")
    for block, chance in zip(blocks, torch.linspace(0, rate, len(blocks)).tolist(), strict=True):
        for name in _PLACES:
            if _is_place(block, name):
                setattr(block, name, DropPath(chance) if chance else nn.Identity())


def _is_place(module: nn.Module, name: str) -> bool:
    """Blocks without a chance have an identity there or, as in ResNets, None."""
    return hasattr(module, name) and isinstance(getattr(module, name), (nn.Identity, DropPath, type(None)))
