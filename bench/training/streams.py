"""Counter-based random streams: every use of chance is reseeded from what it is for.

No generator state is carried from one step to the next, so a run can be resumed, fused with others, or given other
worker counts without changing a digit, and no axis (order, augmentation, initialisation, dropout) shifts another.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def derive(seed: int, *axes: int | str) -> int:
    """Return a 63-bit seed from sha256(seed, axes)."""
    text = "/".join(str(part) for part in (seed, *axes))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def reseed(seed: int, *axes: int | str) -> None:
    """Reseed torch's global generators (all devices) for one use."""
    torch.manual_seed(derive(seed, *axes))


def generator(seed: int, *axes: int | str) -> np.random.Generator:
    """Return a NumPy generator for one use."""
    return np.random.default_rng(derive(seed, *axes))
