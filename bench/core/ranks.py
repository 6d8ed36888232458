"""Processes that share one cell: `torchrun -m bench run ...` starts them, each knows its rank.

Every process does the same work on its part of each batch; what they must agree on comes from rank 0, which alone
writes. Where the program was started by itself there is one rank, and nothing here communicates.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from bench.core.errors import UsageError
from bench.core.launch import launched

T = TypeVar("T")
PATIENCE = timedelta(days=2)  # rank 0 may decode a large data set while the others wait; torchrun ends them if it dies


@contextmanager
def joined(device: str | None) -> Iterator[None]:
    """Inside, the processes that torchrun started know of each other.

    Args:
        device: The one asked for; without it CUDA where there is one.

    Raises:
        UsageError: A numbered device was asked for: each process takes its own.
    """
    if not launched() or distributed.is_initialized():
        yield
        return
    if device is not None and ":" in device:
        raise UsageError(f"torchrun gives each process its own device: use --device {device.split(':')[0]}.")
    cuda = torch.cuda.is_available() and device in (None, "cuda")
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def several() -> bool:
    """Whether other processes share the work."""
    return distributed.is_available() and distributed.is_initialized()


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if several() else 1


def rank() -> int:
    """This process's number; 0 is the one that writes."""
    return distributed.get_rank() if several() else 0


def part(count: int) -> slice:
    """This process's share of ``count`` samples in order; shares differ by one at most, and may be empty."""
    return slice(count * rank() // size(), count * (rank() + 1) // size())


def agreed(value: T) -> T:
    """What rank 0 has, on every rank."""
    if not several():
        return value
    found: list[Any] = [value]
    distributed.broadcast_object_list(found)
    result: T = found[0]
    return result


def gathered(value: T) -> list[T]:
    """What every rank has, by rank."""
    if not several():
        return [value]
    found: list[Any] = [None] * size()
    distributed.all_gather_object(found, value)
    return found


def add(tensor: Tensor) -> None:
    """Put the sum over ranks into a tensor."""
    if several():
        distributed.all_reduce(tensor)


def add_gradients(parameters: Iterable[Tensor]) -> None:
    """Put the sum over ranks into each parameter's gradient, in one message.

    A rank whose share of the batch is empty has no gradient, and takes part with zeros; a parameter that no rank has a
    gradient of keeps none.
    """
    if not several():
        return
    some = list(parameters)
    has = torch.tensor([float(one.grad is not None) for one in some], device=some[0].device)
    add(has)
    chosen = [one for one, count in zip(some, has.tolist(), strict=True) if count]
    if not chosen:
        return
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in chosen]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    add(flat)
    for one, gradient, total in zip(chosen, gradients, flat.split([g.numel() for g in gradients]), strict=True):
        one.grad = gradient.copy_(total.view_as(gradient))


def wait() -> None:
    """Go on when every rank has come here."""
    if several():
        distributed.barrier()
