"""What a process of its own does with its memory, for tests of the meter."""

from __future__ import annotations

import time

import numpy as np
import torch

from bench.core import memory
from bench.core.memory import MemoryMeter

MB = 2**20
CPU = torch.device("cpu")


def use(megabytes: int) -> None:
    """Have so much memory, all of it written to, for a while."""
    held = np.ones(megabytes * MB // 8)
    time.sleep(0.05)
    del held


def peak_of(megabytes: int, counter: type[memory._Sampled] | None) -> int:
    """The peak of a block that has so much memory."""
    meter = MemoryMeter(CPU)
    if counter is not None:
        meter._counter = counter()
    with meter:
        use(megabytes)
    use(400)  # what comes after the block is not the block's either
    return meter.peak


def peaks_inside() -> tuple[str, int, int, int]:
    """What is measured, and the peak at the beginning of a block, near its end and after it."""
    with MemoryMeter(CPU) as meter:
        first = meter.peak
        use(100)
        inside = meter.peak
    return meter.kind, first, inside, meter.peak
