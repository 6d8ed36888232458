"""A cell's peak memory is its own, not that of what ran before it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
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


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell a process's memory")
@pytest.mark.parametrize("counter", [None, memory._Sampled], ids=["chosen", "sampled"])
def test_a_later_block_forgets_the_peak_of_an_earlier_one(counter: type[memory._Sampled] | None) -> None:
    def peak(megabytes: int) -> int:
        meter = MemoryMeter(CPU)
        if counter is not None:
            meter._counter = counter()
        with meter:
            use(megabytes)
        use(400)  # what comes after the block is not the block's either
        return meter.peak

    large, small = peak(200), peak(20)
    assert 120 * MB < large - small < 240 * MB


def test_inside_a_block_the_peak_so_far() -> None:
    with MemoryMeter(CPU) as meter:
        first = meter.peak
        use(100)
        assert meter.peak > first + 50 * MB
    assert meter.peak > first + 50 * MB
    assert meter.kind in ("resident", "sampled")


def test_without_a_counter_the_figure_says_that_it_is_the_processs() -> None:
    counter = memory._Process()
    counter.start()
    counter.stop()
    assert counter.kind == "process"
    assert counter.peak() > 100 * MB  # torch alone is larger


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_device_what_torch_allocated() -> None:
    device = torch.device("cuda")
    torch.zeros(400 * MB, dtype=torch.uint8, device=device)
    with MemoryMeter(device) as meter:
        torch.zeros(100 * MB, dtype=torch.uint8, device=device)
    assert (meter.kind, 100 * MB <= meter.peak < 200 * MB) == ("device", True)
