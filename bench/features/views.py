"""A finite number of augmented views per image, drawn once and kept as uint8, so that features can be kept too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

from bench.core.errors import UsageError
from bench.features.shelf import Layout, Shelf


def view_images(
    shelf: Shelf, identity: dict[str, object], count: int, size: int, compute: Callable[[], Iterator[Tensor]]
) -> np.ndarray:
    """Return one view of the training split, uint8 (n, S, S, 3), memory-mapped; drawn on first use.

    Args:
        identity: What decides the view: data, size, augmentation, data seed, number of the view.
        count, size: n and S.
        compute: Yields augmented float batches (B, 3, S, S) in 0..1, in table order.

    Raises:
        UsageError: A view is larger than what may be kept.
    """
    layouts = {"images": Layout((count, size, size, 3), "uint8")}
    if not shelf.fits(layouts):
        raise UsageError(f"A view takes {layouts['images'].bytes / 1e9:.1f} GB. Raise --bank-gb, or leave out views.")
    return shelf.get(identity, layouts, lambda: ({"images": as_bytes(batch)} for batch in compute()))["images"]


def as_bytes(batch: Tensor) -> np.ndarray:
    """Float images (B, 3, S, S) in 0..1 as uint8 (B, S, S, 3)."""
    return (batch * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
