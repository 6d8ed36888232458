"""Counter-based random streams: every use of chance is reseeded from what it is for.

No generator state is carried from one step to the next, so a run can be resumed, fused with others, or given other
worker counts without changing a digit, and no axis (order, augmentation, initialisation, dropout) shifts another.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import torch


def derive(seed: int, *axes: int | str) -> int:
    """Return a 63-bit seed from sha256(seed, axes)."""
    text = "/".join(str(part) for part in (seed, *axes))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def reseed(seed: int, *axes: int | str) -> None:
    """Reseed torch's global generators (all devices) for one use; the streams are those of `torch.manual_seed`.

    That function asks every kind of accelerator and notes the seed for devices that do not run yet, which takes a
    hundred times as long as the seeding: half of a step on kept features.
    """
    value = derive(seed, *axes)
    if _other_accelerator():
        torch.manual_seed(value)
        return
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)


@cache
def _other_accelerator() -> bool:
    """Whether this machine has an accelerator other than CUDA."""
    found = torch.accelerator.current_accelerator()
    return found is not None and found.type != "cuda"


def generator(seed: int, *axes: int | str) -> np.random.Generator:
    """Return a NumPy generator for one use."""
    return np.random.default_rng(derive(seed, *axes))
