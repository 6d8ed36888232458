"""A cell's peak memory is its own, not that of what ran before it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from memory_use import MB, peak_of, peaks_inside

from bench.core import memory
from bench.core.memory import MemoryMeter


@pytest.fixture(scope="module")
def fresh() -> Iterator[ProcessPoolExecutor]:
    """A process in which nothing else gives memory back meanwhile, as what earlier tests left behind would."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell a process's memory")
@pytest.mark.parametrize("counter", [None, memory._Sampled], ids=["chosen", "sampled"])
def test_a_later_block_forgets_the_peak_of_an_earlier_one(
    counter: type[memory._Sampled] | None, fresh: ProcessPoolExecutor
) -> None:
    large, small = (fresh.submit(peak_of, megabytes, counter).result() for megabytes in (200, 20))
    assert 120 * MB < large - small < 240 * MB


def test_inside_a_block_the_peak_so_far(fresh: ProcessPoolExecutor) -> None:
    kind, first, inside, after = fresh.submit(peaks_inside).result()
    assert inside > first + 50 * MB
    assert after > first + 50 * MB
    assert kind in ("resident", "sampled")


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
