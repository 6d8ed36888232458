"""Gradient checkpointing: activations of blocks are computed again in the backward pass instead of being kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError


def checkpoint_gradients(backbone: Backbone) -> None:
    """Let the backbone keep less for the backward pass, by what its library has for it.

    Raises:
        UsageError: It has nothing for it, or keeps as much with it.
    """
    before = kept_bytes(backbone)
    model = next((module for module in backbone.modules() if hasattr(module, "set_grad_checkpointing")), nn.Identity())
    try:
        getattr(model, "set_grad_checkpointing", _refuse)(True)
    except (AssertionError, NotImplementedError) as error:
        raise UsageError(f"{backbone.info.arch} has no gradient checkpointing. Set checkpointing=false.") from error
    if kept_bytes(backbone) >= before:
        raise UsageError(f"Gradient checkpointing saves {backbone.info.arch} no memory. Set checkpointing=false.")


def _refuse(enable: bool) -> None:
    raise NotImplementedError


def kept_bytes(backbone: Backbone) -> int:
    """Bytes that the forward pass of one blank input keeps for the backward pass."""
    found: list[int] = []

    def note(tensor: Tensor) -> Any:
        found.append(tensor.nbytes)
        return tensor

    training = backbone.training
    backbone.eval()
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        backbone(backbone.blank().requires_grad_())
    backbone.train(training)
    return sum(found)
