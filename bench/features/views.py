"""A finite number of augmented views per input, drawn once and kept as uint8, so that features can be kept too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

from bench.core.disk_cache import DiskCache, Layout


def view_inputs(
    disk_cache: DiskCache,
    identity: dict[str, object],
    count: int,
    shape: tuple[int, ...],
    compute: Callable[[], Iterator[Tensor]],
) -> np.ndarray:
    """Return one view of the training split, uint8 (n, ..., C), memory-mapped; drawn on first use.

    Args:
        identity: What decides the view: data, rows, size, augmentation, data seed, number of the view.
        count, shape: n, and the shape (C, ...) of one input.
        compute: Yields augmented float batches (B, C, ...) in 0..1, in table order.

    Raises:
        UsageError, DiskFull: As `DiskCache.get`; a view that is too large to keep is none.
    """
    layouts = {"inputs": Layout((count, *shape[1:], shape[0]), "uint8")}
    return disk_cache.get(identity, layouts, lambda: ({"inputs": as_bytes(batch)} for batch in compute()))["inputs"]


def as_bytes(batch: Tensor) -> np.ndarray:
    """Float inputs (B, C, ...) in 0..1 as uint8 (B, ..., C)."""
    return (batch * 255).round().byte().movedim(1, -1).cpu().numpy()
