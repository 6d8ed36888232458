"""Instance segmentation: a mask for every object, judged by COCO's average precision of masks.

A target is a map of objects: ``NUMBERS`` times one more than the class, plus the object's number from 0; smaller values
are background, and nothing is judged there. Objects do not overlap.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.tasks.base import HeadSpec, Metric, Outputs, Task
from bench.tasks.detection import check_finite, detected, rcnn
from bench.tasks.masks import pasted, shortened
from bench.tasks.precision import Item, Matched, image_scores, match

if TYPE_CHECKING:
    from torch import Tensor

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.heads.rcnn import Truth

NUMBERS = 1000  # objects of a class that an image may hold


class Instances(Task):
    """Maps of objects (B, H, W), found by Mask R-CNN; heads as in detection.

    Masks are kept 28 x 28 within their box and pasted when they are judged: every kept array then has one shape, and
    the pasted masks are the same each time. Records hold them `shortened`, to about a fifth of the bytes.
    """

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

    def _matched(self, targets: np.ndarray, outputs: Outputs) -> Matched:
        check_finite(outputs)
        truths = [item for image, objects in enumerate(targets) for item in _true_items(image, objects)]
        found = [
            {**detected(outputs, image, place), **_shape(_found_mask(outputs, image, place, targets.shape[1:]))}
            for image, place in zip(*np.nonzero(outputs["classes"] >= 0), strict=True)
        ]
        classes = max([1, *(item["category_id"] for item in (*truths, *found))])
        return match(truths, found, len(targets), classes, "segm")


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


def _shape(mask: np.ndarray) -> Item:
    """A mask in the library's run-length code."""
    from faster_coco_eval.core import mask as rle

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [0.0, 0.0, 0.0, 0.0]
    if len(rows):
        box = [float(columns[0]), float(rows[0]), float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)]
    return {"segmentation": rle.encode(np.asfortranarray(mask, dtype=np.uint8)), "bbox": box, "area": float(mask.sum())}
