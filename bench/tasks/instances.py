"""Instance segmentation: a mask for every object, judged by COCO's average precision of masks.

A target is a map of objects: ``NUMBERS`` times one more than the class, plus the object's number from 0; smaller values
are background, and nothing is judged there. Objects do not overlap.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.tasks.base import HeadSpec, Metric, Outputs, Task
from bench.tasks.detection import (
    OBJECT_COLUMNS,
    check_finite,
    coco_objects,
    detected,
    drawn,
    object_lines,
    objects_of,
    rcnn,
    sure_places,
)
from bench.tasks.found import CERTAIN, beside, coco_file, with_boxes, with_classes
from bench.tasks.inspection import Objects, inspected, mask_overlaps
from bench.tasks.masks import pasted, shortened
from bench.tasks.precision import Item, Matched, image_scores, match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.heads.rcnn import Truth
    from bench.tasks.found import Found
    from bench.tasks.inspection import Inspection

NUMBERS = 1000  # objects of a class that an image may hold


class Instances(Task):
    """Maps of objects (B, H, W), found by Mask R-CNN; heads as in detection.

    Masks are kept 28 x 28 within their box and pasted when they are judged: every kept array then has one shape, and
    the pasted masks are the same each time. Records hold them `shortened`, to about a fifth of the bytes.
    """

    title = "Instance segmentation"
    metrics = (Metric("ap"), Metric("ap50", shown=True), Metric("ap75"))
    target = "map"
    heads = ("mask_rcnn", "wide")
    needs_levels = True
    libraries = {"faster_coco_eval": ""}
    at_once = 8

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...], kind: str = "") -> HeadSpec:
        return HeadSpec(features, outputs, names, plain=partial(rcnn, masks=True, size=kind or "small"))

    def classes_of(self, target: np.ndarray) -> np.ndarray:
        objects = np.unique(target)
        return np.unique(objects[objects >= NUMBERS] // NUMBERS) - 1

    def loss(self, outputs: Any, targets: Tensor, recipe: Recipe) -> Tensor:
        return outputs.loss([truth(objects) for objects in targets])

    def kept(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        """``boxes``, ``scores`` and ``classes`` as in detection, and ``masks`` (B, 100, 28, 28) uint8."""
        return outputs.detections()

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        return self._matched(targets, outputs).metrics()

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        return image_scores(self._matched(targets, outputs), metric)

    def arrays(self, targets: np.ndarray, outputs: Outputs) -> Outputs:
        masks, size = np.zeros_like(outputs["masks"]), targets.shape[1:]
        for place in zip(*np.nonzero(outputs["classes"] >= 0), strict=True):
            masks[place] = shortened(outputs["masks"][place], outputs["boxes"][place], size)
        return {**outputs, "masks": masks}

    def read_out(self, found: Found) -> list[dict[str, Any]]:
        """Objects as of detection, each with its ``mask``, bool (H, W) on the input's pixels."""
        return [{**one, "mask": _input_mask(found, one["place"])} for one in objects_of(found)]

    def columns(self, names: Sequence[str]) -> list[str]:
        return list(OBJECT_COLUMNS)

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        return object_lines(found, names)

    def pictures(self, found: Found, names: Sequence[str], picture: np.ndarray) -> dict[str, np.ndarray]:
        """``mask``: a number for each object from a score of `CERTAIN` on; ``drawn``: them tinted in the picture."""
        sure = [one for one in self.read_out(found) if one["score"] >= CERTAIN]
        numbers = np.zeros(found.extent[:2], dtype=np.uint16)
        for number, one in reversed(list(enumerate(sure, 1))):  # the surest in front
            numbers[one["mask"]] = number
        return {"mask": numbers, "drawn": with_boxes(with_classes(picture, numbers), drawn(found, names))}

    def summary(self, found: Sequence[Found], names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """``predictions.json``: boxes and masks (run lengths) in COCO's form."""
        masks = [_input_mask(each, one["place"]) for each in found for one in objects_of(each)]
        boxes = coco_objects(found)
        both = [{**box, "segmentation": _run_lengths(mask)} for box, mask in zip(boxes, masks, strict=True)]
        return {"predictions.json": coco_file(found, names, both)}

    def inspect(self, targets: np.ndarray, outputs: Outputs, names: Sequence[str]) -> Inspection:
        """Missed and false objects by class and size, matched by their masks."""
        return inspected([_objects(objects, outputs, row) for row, objects in enumerate(targets)], names)

    def compared(self, target: np.ndarray, found: Found, names: Sequence[str], picture: np.ndarray) -> np.ndarray:
        true = np.where(target >= NUMBERS, target, 0)
        _, numbers = np.unique(found.laid_out(true, 0), return_inverse=True)
        return beside(with_classes(picture, numbers), self.pictures(found, names, picture)["drawn"])

    def _matched(self, targets: np.ndarray, outputs: Outputs) -> Matched:
        check_finite(outputs)
        truths = [item for image, objects in enumerate(targets) for item in _true_items(image, objects)]
        found = [
            {**detected(outputs, image, place), **_shape(_found_mask(outputs, image, place, targets.shape[1:]))}
            for image, place in zip(*np.nonzero(outputs["classes"] >= 0), strict=True)
        ]
        classes = max([1, *(item["category_id"] for item in (*truths, *found))])
        return match(truths, found, len(targets), classes, "segm")


def _objects(objects: np.ndarray, outputs: Outputs, row: int) -> Objects:
    """One sample's objects, and what was found there."""
    ids = np.unique(objects)
    ids = ids[ids >= NUMBERS]
    places = sure_places({name: values[row] for name, values in outputs.items()})
    size = objects.shape
    masks = objects[None] == ids[:, None, None]
    found = np.array([_found_mask(outputs, row, place, size) for place in places]).reshape(-1, *size)
    areas, found_areas = masks.mean((1, 2)), found.mean((1, 2))
    labels = outputs["classes"][row][places].astype(int)
    return Objects(ids // NUMBERS - 1, areas, labels, found_areas, mask_overlaps(masks, found))


def truth(objects: Tensor) -> Truth:
    """The objects of one image's map (H, W)."""
    import torch

    from bench.heads.rcnn import Truth

    ids = objects.unique()
    ids = ids[ids >= NUMBERS]
    masks = objects[None] == ids[:, None, None]
    height, width = objects.shape
    rows, columns = masks.any(2).int(), masks.any(1).int()
    edges = [
        columns.argmax(1) / width, rows.argmax(1) / height,
        1 - columns.flip(1).argmax(1) / width, 1 - rows.flip(1).argmax(1) / height,
    ]  # fmt: skip
    return Truth(torch.stack(edges, dim=1).float(), ids // NUMBERS - 1, masks)


def _true_items(image: int, objects: np.ndarray) -> list[Item]:
    ids = np.unique(objects)
    return [
        {"image_id": image + 1, "category_id": int(number) // NUMBERS, **_shape(objects == number)}
        for number in ids[ids >= NUMBERS]
    ]


def _found_mask(outputs: Outputs, image: int, place: int, size: tuple[int, ...]) -> np.ndarray:
    return pasted(outputs["masks"][image, place], outputs["boxes"][image, place], (size[0], size[1]))


def _input_mask(found: Found, place: int) -> np.ndarray:
    """One object's mask (H, W) on the input's pixels."""
    (top, height), (left, width) = found.shown
    seen = round(height), round(width)
    mask = pasted(found.outputs["masks"][place], found.outputs["boxes"][place], seen)
    whole = np.zeros(found.extent[:2], dtype=bool)
    row, column = round(top), round(left)
    room = whole[row : row + seen[0], column : column + seen[1]]
    room[...] = mask[: room.shape[0], : room.shape[1]]
    return whole


def _run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """COCO's uncompressed run lengths: down the columns, beginning with zeros."""
    flat = mask.flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *lengths] if flat[0] else lengths}


def _shape(mask: np.ndarray) -> Item:
    """A mask in the library's run-length code."""
    from faster_coco_eval.core import mask as rle

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [0.0, 0.0, 0.0, 0.0]
    if len(rows):
        box = [float(columns[0]), float(rows[0]), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)]
    return {"segmentation": rle.encode(np.asfortranarray(mask, dtype=np.uint8)), "bbox": box, "area": float(mask.sum())}
