"""Telling a lack of memory from other errors."""

from __future__ import annotations

import torch

from bench.core.errors import BenchError


class OutOfMemory(BenchError):
    """Neither smaller groups nor smaller micro-batches made the cell fit."""

    kind = "out_of_memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a device or on the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
