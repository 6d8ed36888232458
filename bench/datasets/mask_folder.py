"""Your own images with masks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from bench.core.errors import DataError
from bench.data import Sample
from bench.data.formats.annotated import by_key, check_partners, folder_split, is_image, is_mask, key_of, paired
from bench.data.formats.coco import joined_classes, read_coco
from bench.data.formats.coco_folder import coco_files, coco_rows
from bench.data.formats.folders import printable, walk
from bench.data.formats.images import image_size, read_map
from bench.data.formats.mask_folder import numbered_objects, objects_in
from bench.data.tables.own_annotated import AnnotatedFolder
from bench.tasks.instances import NUMBERS
from bench.tasks.segmentation import IGNORED

NAMES = "classes.txt"
_LOOKED_AT = 50  # masks, for a hint at which values they hold


class MaskFolder(AnnotatedFolder):
    """Your own images with masks, in a folder: ``images/a.jpg`` and ``masks/a.png``, or ``a.jpg`` and ``a_mask.png``.

    ``task=segmentation``: a mask's values are class numbers, named in ``classes.txt`` (a name a line, the background
    first), or those that ``values`` lists, such as ``values=[0,255]``; 255 counts nowhere unless it is listed.
    ``task=instances``: objects of one class, each with a value of its own in ``masks/a.png``, or with a file of its own
    in ``masks/a/``; or of several in COCO's JSON (``format=coco``). Protocols and ``groups`` are those of box_folder.
    """

    title = "Own images with masks"
    words = {"task=instances": "objects", "format": "", "values": "", "groups": ""}
    reads = "masks"

    task: Literal["segmentation", "instances"] = Field("segmentation", description="one class a pixel, or objects")  # type: ignore[misc]
    format: Literal["png", "coco"] = Field("png", description="mask files, or COCO's JSON (of instances)")
    values: tuple[int, ...] = Field((), description="of the masks' pixels, in the order of the classes; none: numbers")

    @model_validator(mode="after")
    def _fields_fit_the_task(self) -> Self:
        if self.task == "segmentation" and self.format == "coco":
            raise ValueError("COCO's JSON holds objects: give task=instances, or masks as files")
        if self.task == "instances" and self.values:
            raise ValueError("values is for task=segmentation; every value but 0 is an object")
        if self.values and (len(self.values) < 2 or len(set(self.values)) < len(self.values)):
            raise ValueError("values needs two or more different ones")
        return self

    def rows(self, place: Path) -> list[dict[str, Any]]:
        if self.format == "coco":
            return coco_rows(place)
        return paired(place, is_mask, "mask") if self.task == "segmentation" else _rows_of_objects(place)

    def names(self, place: Path) -> tuple[str, ...]:
        if self.format == "coco":
            return joined_classes(read_coco(place / file) for file in coco_files(place))
        file = place / NAMES
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        named = tuple(line.strip() for line in lines if line.strip())
        if self.task == "instances":
            return named or ("object",)
        if self.values and named and len(named) != len(self.values):
            raise DataError(f"{printable(file)} names {len(named)} classes, and values lists {len(self.values)}.")
        if not named and not self.values:
            raise DataError(self._unnamed(place))
        return named or ("background", *(f"value {value}" for value in self.values[1:]))

    def _unnamed(self, place: Path) -> str:
        masks = islice((path for path in walk(place) if is_mask(path)), _LOOKED_AT)
        seen = sorted({int(value) for path in masks for value in np.unique(read_map(place / path))})
        listed = ",".join(map(str, seen[:20]))
        return (
            f"mask_folder: nothing says which classes the masks in {printable(place)} have; their values are {listed}. "
            f"Give values=[{listed}], or write {NAMES} there: a name a line, for the values 0, 1, 2, ..."
        )

    def read_target(self, sample: Sample) -> np.ndarray:
        assert sample.path is not None
        assert sample.target is not None
        if self.format == "coco":
            return read_coco(sample.target).map_of_objects(sample.path, NUMBERS, self.known_names(sample.root))
        if self.task == "segmentation":
            return self._class_numbers(sample.target)
        if sample.target.is_dir():
            return objects_in(sample.target, image_size(sample.path), NUMBERS)[0]
        return numbered_objects(sample.target, NUMBERS)

    def _class_numbers(self, file: Path) -> np.ndarray:
        """The label map (H, W) of a mask file."""
        found = read_map(file)
        if not self.values:
            return found
        numbers, places = np.unique(found, return_inverse=True)
        known = {value: number for number, value in enumerate(self.values)}
        if unknown := [int(value) for value in numbers if int(value) not in known and value != IGNORED]:
            raise DataError(f"{printable(file)} has the value {unknown[0]}, which values={list(self.values)} lacks. "
                            "Add it, or repair the mask (JPEG blurs values).")  # fmt: skip
        return np.array([known.get(int(value), IGNORED) for value in numbers], dtype=np.uint8)[places]

    def left_out(self, sample: Sample) -> tuple[str, ...]:
        assert sample.path is not None
        assert sample.target is not None
        if self.format == "coco":
            return read_coco(sample.target).left_out(sample.path, masks=True)
        if not sample.target.is_dir():
            return ()
        _, empty = objects_in(sample.target, image_size(sample.path), NUMBERS)
        return tuple(f"{sample.id}: the mask {name} is empty" for name in empty)


def _rows_of_objects(place: Path) -> list[dict[str, Any]]:
    """Rows of images with a file of numbered objects, or with a folder of masks, ``masks/a/`` or ``a/masks/``."""
    paths = list(walk(place))
    images = by_key(place, (path for path in paths if is_image(path) and not is_mask(path)))
    masks: dict[str, str] = {}
    for path in filter(is_mask, paths):
        key = key_of(path)
        image = key if key in images else _of_folder(key, images)
        masks[image] = path if key in images else str(PurePosixPath(path).parent)
    check_partners(place, images, masks, "have no mask", f"Add some to each, or remove them ({len(masks)} others do)")
    check_partners(place, masks, images, "belong to no image", "Restore the images, or remove them")
    return [{"path": images[key], "target": masks[key], "split": folder_split(images[key])} for key in sorted(images)]


def _of_folder(key: str, images: dict[str, str]) -> str:
    """The image whose objects lie in a mask's folder, by its key; the folder's own where there is none."""
    folder = PurePosixPath(key).parent
    return next((name for name in (str(folder), str(folder / folder.name)) if name in images), str(folder))
