"""Libraries that draw from the process's random generators, kept from changing them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_lock = threading.RLock()  # two threads that save and restore at once would restore each other's state


@contextmanager
def generators_kept(seed: int | None = None) -> Iterator[None]:
    """Give torch's, NumPy's and Python's generators back as they were, those of all CUDA devices included.

    Args:
        seed: Seeds all three inside; None: they are left as they are.
    """
    import torch

    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with _lock, torch.random.fork_rng(devices=devices):
        numbers, python = np.random.get_state(), random.getstate()
        try:
            if seed is not None:
                torch.default_generator.manual_seed(seed)  # the CPU's alone
                np.random.seed(seed % 2**32)
                random.seed(seed)
            yield
        finally:
            np.random.set_state(numbers)
            random.setstate(python)
