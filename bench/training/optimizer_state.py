"""What optimisers remember, as tensors by name and plain values: never pickled, whatever the optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from bench.core.errors import UsageError

Numbers = dict[str, Any]  # of one optimiser: "state.0.step" (of a parameter) or "groups.0.lr" -> a plain value
_PLAIN = (bool, int, float, str, type(None))


def flat(optimizers: Sequence[Optimizer]) -> tuple[dict[str, Tensor], list[Numbers]]:
    """The optimisers' states: tensors, named ``optimizer.0.state.0.exp_avg``, and the plain values of each optimiser.

    Raises:
        UsageError: One remembers something else.
    """
    tensors, numbers = dict[str, Tensor](), list[Numbers]()
    for place, optimizer in enumerate(optimizers):
        plain: Numbers = {}
        for path, value in _remembered(optimizer):
            if isinstance(value, Tensor):
                tensors[f"optimizer.{place}.{path}"] = value
            else:
                plain[path] = value
        numbers.append(plain)
    return tensors, numbers


def _remembered(optimizer: Optimizer) -> Iterator[tuple[str, Any]]:
    whole = optimizer.state_dict()
    strange = sorted(whole.keys() - {"state", "param_groups"})
    for number, entry in whole["state"].items():
        for key, value in entry.items():
            if not isinstance(value, (Tensor, *_PLAIN)):
                strange.append(key)
            yield f"state.{number}.{key}", value
    for number, group in enumerate(whole["param_groups"]):
        # what else groups hold, tuples of betas say, is as the optimiser was made
        yield from ((f"groups.{number}.{k}", v) for k, v in group.items() if isinstance(v, (Tensor, *_PLAIN)))
    if strange:
        name = type(optimizer).__name__
        raise UsageError(f"{name} keeps {strange[0]!r}, which no checkpoint can hold. Choose another optimizer.")


def load(optimizers: Sequence[Optimizer], tensors: dict[str, Tensor], numbers: Sequence[Numbers]) -> None:
    """Bring fresh optimisers of the same parameters to what `flat` returned.

    Raises:
        ValueError: There are more or fewer optimisers.
    """
    for place, (optimizer, plain) in enumerate(zip(optimizers, numbers, strict=True)):
        begin = f"optimizer.{place}."
        own = {name.removeprefix(begin): tensor for name, tensor in tensors.items() if name.startswith(begin)}
        _load(optimizer, {**own, **plain})


def _load(optimizer: Optimizer, found: dict[str, Any]) -> None:
    fresh = optimizer.state_dict()
    state: dict[int, dict[str, Any]] = {}
    ordered = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for path, value in found.items():
        part, number, key = path.split(".", 2)
        if part == "groups":
            fresh["param_groups"][int(number)][key] = value
        else:
            state.setdefault(int(number), {})[key] = _like(value, ordered[int(number)])
    optimizer.load_state_dict({**fresh, "state": state})
    for place, entry in state.items():  # loading has cast tensors to their parameters' types
        kept = optimizer.state[ordered[place]]
        kept.update({k: v for k, v in entry.items() if isinstance(v, Tensor) and kept[k].dtype != v.dtype})


def _like(value: Any, parameter: Tensor) -> Any:
    """Give moments the strides of their parameters: files hold them contiguous, but fused optimisers walk raw memory,
    and a channels-last convolution would meet its moments in another order."""
    if not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
