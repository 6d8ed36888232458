"""Parameters and multiply-accumulates, counted the same way for every method."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.backbones import Features
from bench.backbones.base import Backbone
from bench.methods.model import Model


@torch.no_grad()
def macs(module: nn.Module, *inputs: object) -> int:
    """Multiply-accumulates of one forward pass by torch's FlopCounterMode (which counts two operations each)."""
    was_training = module.training
    module.eval()
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    module.train(was_training)
    return counter.get_total_flops() // 2


def trunk_macs(backbone: Backbone) -> int:
    """MACs of a backbone for one image."""
    return macs(backbone, blank_image(backbone))


def model_macs(model: Model) -> tuple[int, int]:
    """MACs of (backbone, head) for one image."""
    return trunk_macs(model.backbone), head_macs(model)


def head_macs(model: Model) -> int:
    """MACs of a head for one image."""
    spec, device = model.backbone.spec, next(model.head.parameters()).device
    tokens = torch.zeros(1, spec.tokens, spec.token_dim, device=device)
    return macs(model.head, Features(tokens, torch.zeros(1, spec.pooled_dim, device=device)))


def blank_image(backbone: Backbone) -> torch.Tensor:
    """One black image (1, 3, S, S) on the backbone's device."""
    return torch.zeros(1, 3, backbone.size, backbone.size, device=next(backbone.parameters()).device)


def size(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def added(model: Model, trunk: Backbone) -> int:
    """Parameters that the method added to the backbone: its head and what it injected."""
    return size(model) - size(trunk)
