"""Singular values of pre-trained matrices and of what training has added to them, for ``bench plot spectrum``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
        trained: Names of the parameters that were trained.

    Returns:
        "<name> weight" and "<name> update" -> values, rounded to six digits; empty where no such matrix was trained.
    """
    now = dict(model.named_parameters())
    matrices = [name for name in trained if name in start and _is_matrix(start[name])]
    attention = [name for name in matrices if "qkv" in name]
    found: dict[str, list[float]] = {}
    for name in _some(attention or matrices):
        short = name.removeprefix("backbone.").removeprefix("model.").removesuffix(".weight")
        found[f"{short} weight"] = _values(start[name])
        found[f"{short} update"] = _values(now[name] - start[name])
    return found


def _is_matrix(value: Tensor) -> bool:
    return value.ndim >= 2 and min(value.shape[0], value[0].numel()) >= SMALLEST


def _some(names: list[str]) -> list[str]:
    places = {0, len(names) // 2, len(names) - 1} if len(names) > SHOWN else range(len(names))
    return [names[place] for place in sorted(places)]


def _values(matrix: Tensor) -> list[float]:
    from torch.linalg import svdvals

    return [float(f"{value:.6g}") for value in svdvals(matrix.detach().flatten(1).double().cpu()).tolist()]
