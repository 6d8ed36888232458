"""A finite number of augmented views per image, drawn once and kept as uint8, so that features can be kept too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock
from torch import Tensor

from bench.atomic import write_atomic


def view_images(folder: Path, identity: dict[str, object], compute: Callable[[], Iterator[Tensor]]) -> np.ndarray:
    """Return one view of the training split, uint8 (n, S, S, 3), memory-mapped; drawn on first use.

    Args:
        identity: What decides the view: data, size, augmentation, data seed, number of the view.
        compute: Yields augmented float batches (B, 3, S, S) in 0..1, in table order.
    """
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
    file = folder / f"{name}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        if not file.exists():
            drawn = [(batch * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy() for batch in compute()]
            write_atomic(file, lambda temporary: _save(temporary, np.concatenate(drawn)), point="view")
    return np.load(file, mmap_mode="r")


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:  # np.save would add a suffix to a bare path
        np.save(file, array)
