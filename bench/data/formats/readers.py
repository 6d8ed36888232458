"""From a data set's samples to arrays of one shape and type, as they are cached.

Inputs are images (H, W, 3) or volumes (D, H, W) or (D, H, W, C); targets that are maps follow the input's geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL

from bench.core.errors import DataError, UsageError
from bench.data.base import Dataset, Sample, rows_of
from bench.data.formats import boxes, resampling
from bench.data.formats.annotations import check_classes, check_map, spatial
from bench.data.formats.extents import common_extent, extent_of, is_image, pixels
from bench.data.formats.images import resized

if TYPE_CHECKING:
    from bench.cells.recipes import Recipe
    from bench.data.prepare import Prepared

_FORMAT = 1  # raise when the meaning of an array changes
_MAP_TYPES = ("uint8", "int16", "int32")


@dataclass(frozen=True)
class Reader:
    """Reads samples as arrays of one shape and type.

    Attributes:
        shape: Of one item: (H, W, 3), (D, H, W), (D, H, W, C), or of a map (H, W) or (D, H, W).
        dtype: "uint8", "float16" (values in 0..1), or of maps also "int16" and "int32".
        key: Everything that decides an item's bytes besides the samples' content; ready for JSON.
    """

    shape: tuple[int, ...]
    dtype: str
    key: list[Any]
    load: Callable[[Sample], np.ndarray] = field(repr=False, compare=False)

    def read(self, sample: Sample) -> np.ndarray:
        """Decode and resize one sample.

        Raises:
            DataError: It cannot be decoded, or does not have the shape or type of the others; the message names it.
        """
        array = self.load(sample)
        if array.shape != self.shape or array.dtype != self.dtype:
            found, expected = f"{array.dtype} {array.shape}", f"{self.dtype} {self.shape}"
            raise DataError(f"{sample.id} was read as {found}, not {expected} as the others. Repair or remove it.")
        return array


def input_reader(prepared: Prepared, input_shape: tuple[int, ...], recipe: Recipe, interpolation: str) -> Reader:
    """How a data set's samples are read for a backbone.

    Images keep their native size where all are equal, of the wanted proportions and smaller, since the device then
    enlarges them at no loss; volumes where they are not larger along any axis. Others are resized here.

    Args:
        prepared: The data set.
        input_shape: The backbone's (3, H, W) or (3, D, H, W).
        recipe: Its ``resize`` and ``antialias`` are used.
        interpolation: "bilinear" or "bicubic", of images; see `resized`. Volumes are resized linearly.

    Raises:
        DataError: A sample cannot be decoded, or volumes differ in shape.
        UsageError: Samples are volumes and the backbone takes images, or the other way round.
    """
    dataset, first = prepared.dataset, next(iter(rows_of(prepared.dataset, prepared.table, prepared.root)))
    extent = extent_of(dataset, first)
    _check_kind(dataset, extent, input_shape)
    wanted = kept_extent(input_shape, recipe)
    if is_image(extent):
        return _images(prepared, extent, (wanted[0], wanted[1]), recipe, interpolation)
    return _volumes(prepared, pixels(dataset, first), wanted, recipe)


def box_reader(prepared: Prepared, inputs: Reader | tuple[int, ...], recipe: Recipe) -> Reader:
    """How a data set's boxes are read: (M, 6) as shares of the image as shown, M the most that a sample has.

    Args:
        prepared: The data set; its task's targets are boxes.
        inputs: The input reader, or the height and width of its items.
        recipe: Its ``resize`` is used.

    Raises:
        DataError: An annotation cannot be decoded; the message names it.
    """
    wanted = inputs if isinstance(inputs, tuple) else spatial(inputs.shape)
    dataset = prepared.dataset
    samples = rows_of(dataset, prepared.table, prepared.root)
    most = max([1, *(len(dataset.read_target(sample)) for sample in samples)])

    def load(sample: Sample) -> np.ndarray:
        shown = resampling.boxes(spatial(extent_of(dataset, sample)), wanted, recipe.resize)
        found = dataset.read_target(sample)
        check_classes(dataset, found, prepared.classes, sample.id)
        return boxes.padded(boxes.shares(found, shown, sample.id), most)

    key = ["boxes", _FORMAT, list(wanted), recipe.resize, prepared.target_content]
    return Reader((most, boxes.WIDTH), "float32", key, load)


def target_reader(prepared: Prepared, inputs: Reader | tuple[int, ...], recipe: Recipe) -> Reader:
    """How a data set's label maps are read, so that they lie on the inputs as cached.

    Args:
        prepared: The data set; its task's targets are maps.
        inputs: The input reader, or the height and width (and depth) of its items.
        recipe: Its ``resize`` is used; maps are resized by nearest neighbours.

    Raises:
        DataError: A map cannot be decoded, holds no whole numbers, or is of another size than its input.
    """
    wanted = inputs if isinstance(inputs, tuple) else spatial(inputs.shape)
    dataset = prepared.dataset
    first = next(iter(rows_of(dataset, prepared.table, prepared.root)))
    dtype = str(dataset.read_target(first).dtype)
    if dtype not in _MAP_TYPES:
        raise DataError(f"{dataset.plugin_name()}: read_target() gave {dtype}; give {', '.join(_MAP_TYPES)}.")

    def load(sample: Sample) -> np.ndarray:
        labels = dataset.read_target(sample)
        extent = spatial(extent_of(dataset, sample))
        check_map(dataset, labels, sample, extent)
        check_classes(dataset, labels, prepared.classes, sample.id)
        return resampling.nearest(labels, wanted, resampling.boxes(extent, wanted, recipe.resize))

    key = ["map", _FORMAT, PIL.__version__, list(wanted), recipe.resize, dtype, prepared.target_content]
    return Reader(wanted, dtype, key, load)


def _check_kind(dataset: Dataset, extent: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
    name = dataset.plugin_name()
    if not is_image(extent) and len(input_shape) == 3:
        raise UsageError(
            f"{name} holds volumes {extent}, and the backbone takes images {input_shape}. "
            "Say how volumes reach it, as in pico[lift=slices], or take a backbone for volumes."
        )
    if is_image(extent) and len(input_shape) == 4:
        raise UsageError(
            f"{name} holds images {extent}, and the backbone takes volumes {input_shape}. "
            "Leave out lift, or take a backbone for images."
        )


def kept_extent(input_shape: tuple[int, ...], recipe: Recipe) -> tuple[int, ...]:
    """What samples are resized to for the cache: the backbone's input, or as much larger as a recipe's resize_to says.

    Raises:
        UsageError: resize_to is for images only, and no larger than the input.
    """
    extent = input_shape[1:]
    if recipe.resize_to is None:
        return extent
    if len(extent) != 2 or recipe.resize_to <= min(extent):
        raise UsageError(
            f"resize_to={recipe.resize_to} keeps images larger than the backbone's input, which is {extent}. "
            "Use a larger one, or leave resize_to out."
        )
    return tuple(round(side * recipe.resize_to / min(extent)) for side in extent)


def _images(
    prepared: Prepared, first: tuple[int, ...], wanted: tuple[int, int], recipe: Recipe, interpolation: str
) -> Reader:
    dataset, resize = prepared.dataset, recipe.resize
    smaller = first[0] < wanted[0] and first[0] * wanted[1] == first[1] * wanted[0]
    if smaller and common_extent(prepared) is not None:
        return Reader(first, "uint8", ["image", _FORMAT, PIL.__version__, "native"], lambda one: pixels(dataset, one))

    def load(sample: Sample) -> np.ndarray:
        return sized_image(pixels(dataset, sample), wanted, recipe, interpolation)

    key = ["image", _FORMAT, PIL.__version__, list(wanted), resize, _method(recipe, interpolation), recipe.antialias]
    return Reader((*wanted, 3), "uint8", key, load)


def _volumes(prepared: Prepared, first: np.ndarray, wanted: tuple[int, ...], recipe: Recipe) -> Reader:
    dataset, dtype = prepared.dataset, str(first.dtype)
    if common_extent(prepared) is None:
        raise DataError(f"{dataset.plugin_name()}: the volumes differ in shape. Resample them to one shape.")
    depth, height, width = spatial(first.shape)
    fits = depth <= wanted[0] and height <= wanted[1] and width <= wanted[2]
    shown = resampling.boxes((depth, height, width), wanted, recipe.resize)
    if fits and shown == resampling.boxes((depth, height, width), wanted, "squash"):
        return Reader(first.shape, dtype, ["volume", _FORMAT, dtype, "native"], lambda one: pixels(dataset, one))

    def load(sample: Sample) -> np.ndarray:
        return sized_volume(pixels(dataset, sample), wanted, recipe)

    key = ["volume", _FORMAT, dtype, list(wanted), recipe.resize, "linear", recipe.antialias]
    return Reader((*wanted, *first.shape[3:]), dtype, key, load)


def sized_image(image: np.ndarray, wanted: tuple[int, int], recipe: Recipe, interpolation: str) -> np.ndarray:
    """An image uint8 (H, W, 3) resized to (*wanted, 3) as the recipe says."""
    return resized(image, wanted, recipe.resize, _method(recipe, interpolation), recipe.antialias)


def sized_volume(volume: np.ndarray, wanted: tuple[int, ...], recipe: Recipe) -> np.ndarray:
    """A volume (D, H, W[, C]) resized to (*wanted[, C]) as the recipe says, in its own type."""
    shown = resampling.boxes(spatial(volume.shape), wanted, recipe.resize)
    values = resampling.linear(volume, wanted, shown, recipe.antialias)
    return resampling.to_bytes(values) if volume.dtype == np.uint8 else values.astype(volume.dtype)


def _method(recipe: Recipe, interpolation: str) -> str:
    return interpolation if recipe.antialias else "bilinear"


def item_bytes(reader: Reader) -> int:
    """Bytes of one item."""
    return math.prod(reader.shape) * np.dtype(reader.dtype).itemsize
