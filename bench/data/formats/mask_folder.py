"""Objects as one mask file each, in a folder an image has for itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.core.errors import DataError
from bench.data.formats.folders import images_in, printable
from bench.data.formats.images import read_map
from bench.data.formats.written_for import exchanged


def read_masks(folder: Path, extent: tuple[int, int]) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Read every mask of an image.

    Args:
        folder: Its mask files; every value but 0 belongs to the object.
        extent: Height and width of the image.

    Returns:
        Masks (H, W) bool of objects in the order of their names, and the names of files without a single pixel.

    Raises:
        DataError: A file is no mask, or not of the image's size, or the folder is missing.
    """
    if not folder.is_dir():
        raise DataError(f"The masks {printable(folder)} are missing. Restore them from the archive.")
    masks, empty = [], []
    for name in images_in(folder):
        mask = read_map(folder / name) > 0
        if mask.shape != extent:
            file, hint = printable(folder / name), exchanged(mask.shape, extent)
            raise DataError(f"{file} is {mask.shape}, but its image is {extent}. Repair it.{hint}")
        if mask.any():
            masks.append(mask)
        else:
            empty.append(name)
    return masks, tuple(empty)
