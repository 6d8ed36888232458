"""Annotations in COCO's JSON: boxes, and masks as polygons or run lengths; one file for many images."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.core import extras
from bench.core.errors import DataError
from bench.data.boxes import WIDTH
from bench.data.folders import printable

NO_OBJECT = 255  # of a map of objects: pixels that are not judged


@dataclass(frozen=True)
class CocoFile:
    """One annotation file.

    Attributes:
        name: The file, for messages.
        images: File name -> its entry.
        labels: Category id -> class number, in the order of ids.
        classes: Category names in label order.
        objects: Image id -> its annotations.
    """

    name: str
    images: dict[str, dict[str, Any]]
    labels: dict[int, int]
    classes: tuple[str, ...]
    objects: dict[int, list[dict[str, Any]]] = field(repr=False)

    def of(self, image: str) -> list[dict[str, Any]]:
        """The annotations of an image by its file name.

        Raises:
            DataError: The file does not list it.
        """
        if image not in self.images:
            raise DataError(f"{self.name} does not list the image {image}. Restore the file, or remove the image.")
        return self.objects.get(self.images[image]["id"], [])

    def boxes(self, image: str) -> np.ndarray:
        """The boxes (k, 6) of an image; crowds are not judged.

        Raises:
            DataError: An annotation has no box or an unknown category.
        """
        return np.array([self._box(one) for one in self.of(image)], dtype=np.float32).reshape(-1, WIDTH)

    def map_of_objects(self, image: str, numbers: int) -> np.ndarray:
        """The map (H, W) int32 of an image's objects; where they overlap, the smaller one is in front.

        Args:
            numbers: Objects of a class that an image may hold: `bench.tasks.instances.NUMBERS`.

        Raises:
            DataError: A mask does not fit the image, or there are too many.
        """
        annotations, extent = self.of(image), self._extent(image)
        objects, crowd = np.zeros(extent, dtype=np.int32), np.zeros(extent, dtype=bool)
        masks = [(one, _mask(one, extent, self.name)) for one in annotations]
        if len(masks) > numbers:
            raise DataError(f"{image} has {len(masks)} objects, more than the {numbers} that a map can number.")
        for number, (one, mask) in enumerate(sorted(masks, key=lambda pair: -int(pair[1].sum()))):
            if one.get("iscrowd"):
                crowd |= mask
            else:
                objects[mask] = (self._label(one) + 1) * numbers + number
        objects[crowd & (objects == 0)] = NO_OBJECT
        return objects

    def empty_masks(self, image: str) -> tuple[str, ...]:
        """Objects of an image whose masks hold no pixel, a line each."""
        annotations, extent = self.of(image), self._extent(image)
        return tuple(
            f"{image}: the mask of annotation {one.get('id')} is empty"
            for one in annotations
            if not _mask(one, extent, self.name).any()
        )

    def _extent(self, image: str) -> tuple[int, int]:
        return int(self.images[image]["height"]), int(self.images[image]["width"])

    def _box(self, one: dict[str, Any]) -> list[float]:
        try:
            left, top, width, height = (float(value) for value in one["bbox"])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"{self.name}: annotation {one.get('id')} has no box of four numbers. Repair it."
            ) from error
        return [left, top, left + width, top + height, self._label(one), float(bool(one.get("iscrowd")))]

    def _label(self, one: dict[str, Any]) -> int:
        label = self.labels.get(one.get("category_id", -1))
        if label is None:
            raise DataError(
                f"{self.name}: annotation {one.get('id')} has the unknown category {one.get('category_id')}."
            )
        return label


@lru_cache(maxsize=4)
def read_coco(file: Path) -> CocoFile:
    """Read an annotation file.

    Raises:
        DataError: It is no such JSON; the message names it.
    """
    try:
        content = json.loads(file.read_text())
        images = {str(entry["file_name"]): entry for entry in content["images"]}
        categories = sorted(content["categories"], key=lambda category: category["id"])
        objects: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for one in content["annotations"]:
            objects[one["image_id"]].append(one)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"Cannot read the annotations {printable(file)}: {error!r}. Restore the file.") from error
    labels = {int(category["id"]): number for number, category in enumerate(categories)}
    classes = tuple(str(category["name"]) for category in categories)
    return CocoFile(printable(file), images, labels, classes, dict(objects))


def _mask(one: dict[str, Any], extent: tuple[int, int], name: str) -> np.ndarray:
    """The mask (H, W) bool of one annotation."""
    extras.check("faster_coco_eval", f"A mask of {name}")
    from faster_coco_eval.core import mask as rle

    shape = one.get("segmentation")
    if isinstance(shape, list):
        codes = rle.merge(rle.frPyObjects(shape, *extent)) if shape else None
    elif isinstance(shape, dict) and isinstance(shape.get("counts"), list):
        codes = rle.frPyObjects(shape, *extent)
    else:
        codes = shape
    mask = np.zeros(extent, dtype=bool) if codes is None else rle.decode(codes).astype(bool)
    if mask.shape != extent:
        raise DataError(
            f"{name}: the mask of annotation {one.get('id')} is {mask.shape}, its image {extent}. Repair it."
        )
    return mask
