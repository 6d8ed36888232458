"""Objects as one mask file each, in a folder an image has for itself, or as a number each in one file."""

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


def objects_in(folder: Path, extent: tuple[int, int], most: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The map (H, W) int32 of an image's objects of one class, and the names of its empty mask files.

    Args:
        folder, extent: As for `read_masks`.
        most: Objects of a class that an image may hold: `bench.tasks.instances.NUMBERS`.

    Raises:
        DataError: A mask cannot be read, masks overlap, or there are too many.
    """
    masks, empty = read_masks(folder, extent)
    _check_count(folder, len(masks), most)
    objects = np.zeros(extent, dtype=np.int32)
    for number, mask in enumerate(masks):
        if objects[mask].any():
            raise DataError(f"Masks in {printable(folder)} overlap, which a map of objects cannot hold. Repair them.")
        objects[mask] = most + number
    return objects, empty


def numbered_objects(file: Path, most: int) -> np.ndarray:
    """The map (H, W) int32 of objects of one class, from a file in which each has a number of its own and 0 is none.

    Args:
        most: As for `objects_in`.

    Raises:
        DataError: The file is no map, or holds too many objects.
    """
    numbers, places = np.unique(read_map(file), return_inverse=True)
    _check_count(file, int((numbers != 0).sum()), most)
    first = int(0 in numbers)
    codes = np.where(numbers == 0, 0, most + np.arange(len(numbers)) - first)
    return codes[places].astype(np.int32)


def _check_count(place: Path, objects: int, most: int) -> None:
    if objects > most:
        raise DataError(f"{printable(place)} has {objects} objects, more than the {most} that a map can number.")
