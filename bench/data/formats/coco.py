"""Annotations in COCO's JSON: boxes, and masks as polygons or run lengths; one file for many images."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import DataError, nearest
from bench.data.formats.boxes import WIDTH
from bench.data.formats.coco_masks import empty_parts, mask_of
from bench.data.formats.folders import printable
from bench.data.formats.orientation import turned_boxes, turned_mask
from bench.data.formats.written_for import written_for

NO_OBJECT = 255  # of a map of objects: pixels that are not judged
Entry = dict[str, Any]


@dataclass(frozen=True)
class CocoFile:
    """One annotation file.

    Attributes:
        name: The file, for messages.
        images: File name without folders -> its entry.
        categories: Category id -> its name.
        objects: Image id -> its annotations.
        strays: Annotations whose image the file does not list.
    """

    name: str
    images: dict[str, Entry]
    categories: dict[int | str, str]
    objects: dict[int | str, list[Entry]] = field(repr=False)
    strays: tuple[Entry, ...] = field(default=(), repr=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Category names in the order of their ids."""
        ids = sorted(self.categories, key=lambda key: (isinstance(key, str), key))  # numbers before text
        return tuple(self.categories[key] for key in ids)

    def of(self, image: str) -> list[Entry]:
        """The annotations of an image by its file name.

        Raises:
            DataError: The file does not list it.
        """
        if image not in self.images:
            raise DataError(f"{self.name} does not list the image {image}. Restore the file, or remove the image.")
        key = _key(self.images[image]["id"])
        return [] if key is None else self.objects.get(key, [])

    def boxes(self, photograph: Path, classes: Sequence[str] = ()) -> np.ndarray:
        """The boxes (k, 6) of a photograph, on it as it is seen upright; crowds are not judged.

        Args:
            photograph: Its file, whose name the annotations list.
            classes: Names in label order, by which categories are matched; empty: those of this file.

        Raises:
            DataError: An annotation has no box or an unknown category, or was written for an image of another size.
        """
        rows = [self._box(one, classes or self.classes) for one in self.of(photograph.name)]
        boxes = np.array(rows, dtype=np.float32).reshape(-1, WIDTH)
        extent, orientation = self._extent(photograph)
        return turned_boxes(boxes, extent, orientation)

    def map_of_objects(self, photograph: Path, numbers: int, classes: Sequence[str] = ()) -> np.ndarray:
        """The map (H, W) int32 of a photograph's objects; where they overlap, the smaller one is in front.

        Args:
            photograph: Its file, whose name the annotations list.
            numbers: Objects of a class that an image may hold: `bench.tasks.instances.NUMBERS`.
            classes: As for `boxes`.

        Raises:
            DataError: A mask does not fit the image, or there are too many.
        """
        annotations, (extent, orientation) = self.of(photograph.name), self._extent(photograph, needed=True)
        objects, crowd = np.zeros(extent, dtype=np.int32), np.zeros(extent, dtype=bool)
        masks = [(one, self._mask(one, extent)) for one in annotations]
        if len(masks) > numbers:
            raise DataError(f"{photograph.name} has {len(masks)} objects, more than the {numbers} a map can number.")
        for number, (one, mask) in enumerate(sorted(masks, key=lambda pair: -int(pair[1].sum()))):
            if self._is_crowd(one):
                crowd |= mask
            else:
                objects[mask] = (self._label(one, classes or self.classes) + 1) * numbers + number
        objects[crowd & (objects == 0)] = NO_OBJECT
        return turned_mask(objects, orientation)

    def left_out(self, photograph: Path, masks: bool = False) -> tuple[str, ...]:
        """What reading a photograph leaves out, a line each; with the file's first one what belongs to none.

        Args:
            photograph: As for `boxes`.
            masks: Masks are read, not boxes.
        """
        name, lines = photograph.name, list[str]()
        if masks:
            extent, _ = self._extent(photograph, needed=True)
            lines = [line for one in self.of(name) for line in self._lost_mask(one, name, extent)]
        if name == next(iter(self.images)):
            lines += [f"{self.name}: annotation {_id(one)} is of no image that the file lists" for one in self.strays]
        return tuple(lines)

    def _lost_mask(self, one: Entry, image: str, extent: tuple[int, int]) -> list[str]:
        lost = empty_parts(one.get("segmentation"))
        if not self._mask(one, extent).any():
            return [f"{image}: the mask of annotation {_id(one)} is empty"]
        return [f"{image}: {lost} parts of the mask of annotation {_id(one)} are no polygon"] if lost else []

    def _mask(self, one: Entry, extent: tuple[int, int]) -> np.ndarray:
        return mask_of(one.get("segmentation"), extent, f"{self.name}: the mask of annotation {_id(one)}")

    def _extent(self, photograph: Path, needed: bool = False) -> tuple[tuple[int, int], int]:
        """Height and width that the annotations were written for, and how the photograph is turned from there."""
        return written_for(self._stated(photograph.name, needed), photograph, self.name)

    def _stated(self, image: str, needed: bool = False) -> tuple[int, int] | None:
        """Height and width of an image as the file says; None where it says nothing and need not."""
        entry = self.images[image]
        if not needed and entry.get("height") is None and entry.get("width") is None:
            return None
        try:
            height, width = float(entry["height"]), float(entry["width"])
        except (KeyError, ValueError, TypeError):
            height = width = 0.0
        if not (height >= 1 and width >= 1 and height % 1 == width % 1 == 0):
            raise DataError(f"{self.name}: the image {image} has no height and width in whole pixels. Repair it.")
        return int(height), int(width)

    def _box(self, one: Entry, classes: Sequence[str]) -> list[float]:
        try:
            left, top, width, height = (float(value) for value in one["bbox"])
        except (KeyError, ValueError, TypeError):
            left = top = width = height = np.nan
        if not np.isfinite([left, top, width, height]).all():
            raise DataError(f"{self.name}: annotation {_id(one)} has no box of four finite numbers. Repair it.")
        return [left, top, left + width, top + height, self._label(one, classes), float(self._is_crowd(one))]

    def _label(self, one: Entry, classes: Sequence[str]) -> int:
        found = _key(one.get("category_id"))
        name = None if found is None else self.categories.get(found)
        if name is None:
            given = one.get("category_id")
            raise DataError(f"{self.name}: annotation {_id(one)} has the unknown category {given}. Repair it.")
        if name not in classes:
            raise DataError(f"{self.name} names the class {name!r}. {nearest(name, classes)}")
        return list(classes).index(name)

    def _is_crowd(self, one: Entry) -> bool:
        crowd = one.get("iscrowd") or 0
        if crowd not in (0, 1, "0", "1"):
            raise DataError(f"{self.name}: annotation {_id(one)} has an iscrowd of {crowd!r}, not 0 or 1. Repair it.")
        return int(crowd) == 1


def joined_classes(files: Iterable[CocoFile]) -> tuple[str, ...]:
    """The names of all files in label order: the first file's, then what each other adds."""
    return tuple(dict.fromkeys(name for file in files for name in file.classes))


@lru_cache(maxsize=4)
def read_coco(file: Path) -> CocoFile:
    """Read an annotation file; ids may be numbers or text.

    Raises:
        DataError: It is no such JSON, or an id or a name stands twice; the message names it.
    """
    name = printable(file)
    try:
        content = json.loads(file.read_text())
        images, categories = list(content["images"]), list(content["categories"])
        annotations = list(content["annotations"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"Cannot read the annotations {name}: {error!r}. Restore the file.") from error
    images = [_by_its_name(one) for one in images]
    _check(name, "image", images, "file_name")
    _check(name, "category", categories, "name")
    known, objects, strays = {_key(one["id"]) for one in images}, defaultdict(list), []
    for number, one in enumerate(annotations):
        if not isinstance(one, dict) or (image := _key(one.get("image_id"))) is None:
            told = _id(one) if isinstance(one, dict) else f"number {number}"
            raise DataError(f"{name}: annotation {told} names no image by its id. Repair it.")
        if image in known:
            objects[image].append(one)
        else:
            strays.append(one)
    names = {key: str(one["name"]) for one in categories if (key := _key(one["id"])) is not None}
    return CocoFile(name, {str(one["file_name"]): one for one in images}, names, dict(objects), tuple(strays))


def _by_its_name(entry: Any) -> Any:
    """The entry of an image without the folders of its file name: some tools write them, and files are moved."""
    if not isinstance(entry, dict) or "file_name" not in entry:
        return entry
    return {**entry, "file_name": re.split(r"[/\\]", str(entry["file_name"]))[-1]}


def _check(name: str, kind: str, entries: list[Any], called: str) -> None:
    """Every entry has an id and is called something, and no two share either."""
    for number, one in enumerate(entries):
        if not isinstance(one, dict) or _key(one.get("id")) is None or called not in one:
            raise DataError(f"{name}: {kind} number {number} has no id or no {called}. Repair it.")
    for values in ([_key(one["id"]) for one in entries], [str(one[called]) for one in entries]):
        value, times = Counter(values).most_common(1)[0] if values else ("", 0)
        if times > 1:
            raise DataError(f"{name}: {value!r} stands for {times} entries of the kind {kind}. Repair it.")


def _key(value: Any) -> int | str | None:
    """An id in one form: 7, 7.0 and "007" are one; None where it is no id."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id(one: Entry) -> Any:
    return one.get("id", "without an id")
