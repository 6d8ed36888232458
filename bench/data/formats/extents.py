"""What samples are before they are resized: images or volumes, and of which shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from bench.core.atomic import write_text
from bench.core.errors import DataError
from bench.data.base import Dataset, Sample, rows_of
from bench.data.formats.images import image_size
from bench.data.formats.intensity import to_bytes
from bench.data.roots import cache_root

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

Extent = tuple[int, ...]


def is_image(extent: Extent) -> bool:
    """Whether this is the shape of an image (H, W, 3); else it is that of a volume (D, H, W) or (D, H, W, C)."""
    return len(extent) == 3 and extent[-1] == 3


def pixels(dataset: Dataset, sample: Sample) -> np.ndarray:
    """Read one sample in the one form that is cached.

    Returns:
        An image uint8 (H, W, 3), or a volume (D, H, W) or (D, H, W, 3), uint8 or float16.

    Raises:
        DataError: It cannot be decoded, is no image or volume, or needs an intensity rule.
    """
    return in_one_form(dataset, sample.id, dataset.read(sample))


def in_one_form(dataset: Dataset, name: str, array: np.ndarray) -> np.ndarray:
    """What `pixels` makes of an array that was read; result and errors are its.

    Args:
        name: Of the sample, for messages.
    """
    if array.ndim not in (2, 3, 4) or not array.size or (array.ndim == 4 and array.shape[-1] not in (1, 3)):
        expected = "(H, W, 3), (H, W), (D, H, W) or (D, H, W, C) with C of 1 or 3"
        raise DataError(f"{dataset.plugin_name()}: read() gave shape {array.shape} for {name}, not {expected}.")
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    kept = array.dtype == np.float16 and array.ndim > 2 and not is_image(array.shape) and not dataset.intensity
    array = _unit(dataset, name, array) if kept else to_bytes(array, dataset.intensity, name)
    return np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array


def extent_of(dataset: Dataset, sample: Sample) -> Extent:
    """The shape that `pixels` would give; of image files from the header alone."""
    if dataset.reads_files and sample.path is not None:
        return (*image_size(sample.path), 3)
    return pixels(dataset, sample).shape


def common_extent(prepared: Prepared) -> Extent | None:
    """The shape of all samples, or None where they differ; looked up once for the same bytes, then remembered."""
    store = cache_root() / "extents" / f"{prepared.content[:24]}.json"
    try:
        known = json.loads(store.read_text())
        return None if known is None else tuple(int(length) for length in known)
    except (OSError, ValueError, TypeError):  # not there or unreadable: only costs looking again
        found = _common_extent(prepared)
        write_text(store, json.dumps(found))
        return found


def _common_extent(prepared: Prepared) -> Extent | None:
    shape: Extent | None = None
    for sample in rows_of(prepared.dataset, prepared.table, prepared.root):
        found = extent_of(prepared.dataset, sample)
        if shape not in (None, found):
            return None
        shape = found
    return shape


def _unit(dataset: Dataset, name: str, volume: np.ndarray) -> np.ndarray:
    if not (np.isfinite(volume).all() and volume.min() >= 0 and volume.max() <= 1):
        plugin = dataset.plugin_name()
        raise DataError(f"{plugin}: float16 volumes hold values of 0..1 unless intensity is set; {name} does not.")
    return volume
