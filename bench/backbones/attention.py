"""Where a backbone attends: the layers that give queries, keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import nn

from bench.core.errors import UsageError

if TYPE_CHECKING:
    from bench.backbones.base import Backbone

_FUSED = {"qkv"}
_QUERIES = {"q", "q_proj", "query"}
_KEYS_VALUES = {"k", "v", "kv", "k_proj", "v_proj", "key", "value"}


def projections(model: nn.Module) -> list[str]:
    """Names of the linear layers and 1x1 convolutions that project to queries, keys or values, in order.

    timm's names are followed: one layer ``qkv``, or a module with a ``q`` beside a ``k`` or ``kv``. Squeezing and
    gating, which some call attention too, have neither.
    """
    return [name for module in model.named_modules() for name in _of(*module)]


def is_linear(module: nn.Module) -> bool:
    """Whether a layer is one matrix on every token: linear, or a 1x1 convolution."""
    pointwise = isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    return isinstance(module, nn.Linear) or pointwise


def updated_layers(backbone: Backbone, targets: str, method: str) -> list[str]:
    """Names of the layers whose weights a method updates: with ``targets="attention"`` those of `projections`, where
    there are any; else every one that `is_linear`.

    Raises:
        UsageError: The backbone has none.
    """
    found = projections(backbone) if targets == "attention" else []
    found = found or [name for name, module in backbone.named_modules() if is_linear(module)]
    if not found:
        raise UsageError(f"{method}: {backbone.info.arch} has no layer for targets={targets}.")
    return found


def _of(prefix: str, module: nn.Module) -> Iterator[str]:
    """The projections that are children of one module; some libraries put a layer ``proj`` into each."""
    layers = {name: ("", child) for name, child in module.named_children()}
    inner = {name: getattr(child, "proj", None) for name, (_, child) in layers.items()}
    layers |= {name: (".proj", layer) for name, layer in inner.items() if isinstance(layer, nn.Module)}
    found = {name for name, (_, layer) in layers.items() if is_linear(layer)}
    apart = bool(found & _QUERIES and found & _KEYS_VALUES)
    for name, (ending, _) in layers.items():
        if name in found and (name in _FUSED or (apart and name in _QUERIES | _KEYS_VALUES)):
            yield f"{prefix}.{name}{ending}".removeprefix(".")
