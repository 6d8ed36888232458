"""Parameters and multiply-accumulates, counted the same way for every method and on every device.

Counting runs on torch's meta device, which knows shapes only: on a CPU the attention's own products would go to a
kernel that the counter does not know.
"""

from __future__ import annotations

import copy
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.backbones.base import Backbone
from bench.backbones.features import Features
from bench.methods.model import Model

Module = TypeVar("Module", bound=nn.Module)


def on_meta(module: Module) -> Module:
    """A twin of the module whose parameters and buffers have shapes but no values."""
    memo: dict[int, object] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device="meta"), parameter.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(module, memo)


@torch.no_grad()
def macs(module: nn.Module, *inputs: object) -> int:
    """Multiply-accumulates of one forward pass by torch's FlopCounterMode (which counts two operations each)."""
    twin = on_meta(module).eval().requires_grad_(False)  # the counter hooks gradients, of a bare class token in vain
    with FlopCounterMode(display=False) as counter:
        twin(*inputs)
    return counter.get_total_flops() // 2


def macs_of_backbone(backbone: Backbone) -> int:
    """MACs of a backbone for one input."""
    return macs(backbone, torch.zeros(1, *backbone.input_shape, device="meta"))


def shared_backbone_macs(backbone: Backbone) -> int:
    """`macs_of_backbone` of a backbone that many cells share and none changes, counted once."""
    if backbone not in _counted:
        _counted[backbone] = macs_of_backbone(backbone)
    return _counted[backbone]


_counted: WeakKeyDictionary[Backbone, int] = WeakKeyDictionary()


def head_macs(model: Model) -> int:
    """MACs of a head for one input."""
    return macs(model.head, blank_features(model.backbone))


def model_macs(model: Model) -> tuple[int, int]:
    """MACs of (backbone, head) for one input."""
    return macs_of_backbone(model.backbone), head_macs(model)


def blank_features(backbone: Backbone) -> Features:
    """The shapes of one input's features, on the meta device."""
    with torch.no_grad():
        features: Features = on_meta(backbone).eval()(torch.zeros(1, *backbone.input_shape, device="meta"))
    return features


def size(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def added(model: Model, backbone: Backbone) -> int:
    """Parameters that the method added to the backbone: its head and what it injected."""
    return size(model) - size(backbone)
