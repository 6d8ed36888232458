"""Singular values of pre-trained matrices and of what training has added to them, for ``bench plot spectrum``."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

SHOWN = 3  # matrices a record keeps: the first, the middle and the last
SMALLEST = 8  # shorter sides say nothing about rank


def spectrum(model: nn.Module, start: Mapping[str, Tensor], trained: Iterable[str]) -> dict[str, list[float]]:
    """Singular values, largest first, of a few trained matrices as they were and of their updates.

    Attention's projections are looked at where there are any, else every matrix; filters are matrices (out, rest). The
    picture that motivates VFM-Adapter is of updates; its public script draws the weights alone.

    Args:
        model: After training.
        start: Pre-trained parameters by name.
        trained: Names of the parameters that were trained; updates that stand beside a weight are found themselves.

    Returns:
        "<name> weight" and "<name> update" -> values, rounded to six digits; empty where no such matrix was trained.
    """
    now, layers = dict(model.named_parameters()), dict(_adapted(model))
    names = [name for name in (*trained, *layers) if name in start and _is_matrix(start[name])]
    attention = [name for name in names if "qkv" in name]
    found: dict[str, list[float]] = {}
    for name in _some(attention or names):
        short = name.removeprefix("backbone.").removeprefix("model.").removesuffix(".weight")
        whole = _merged(layers[name]) if name in layers else now[name]
        found[f"{short} weight"] = _values(start[name])
        found[f"{short} update"] = _values(whole - start[name])
    return found


def _adapted(model: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    """Layers with an update of their own beside a frozen weight, as the `peft` library makes them, by that weight."""
    for name, layer in model.named_modules():
        if hasattr(layer, "get_base_layer") and hasattr(layer, "merge"):
            yield f"{name}.weight", layer


def _merged(layer: Any) -> Tensor:
    """The weight of such a layer with its update, which stays as it is: taking an update out again rounds."""
    whole = copy.deepcopy(layer)
    whole.merge()
    weight: Tensor = whole.get_base_layer().weight
    return weight


def _is_matrix(value: Tensor) -> bool:
    return value.ndim >= 2 and min(value.shape[0], value[0].numel()) >= SMALLEST


def _some(names: list[str]) -> list[str]:
    places = {0, len(names) // 2, len(names) - 1} if len(names) > SHOWN else range(len(names))
    return [names[place] for place in sorted(places)]


def _values(matrix: Tensor) -> list[float]:
    from torch.linalg import svdvals

    return [float(f"{value:.6g}") for value in svdvals(matrix.detach().flatten(1).cpu().double()).tolist()]
