"""Object detection: boxes with classes, judged by COCO's average precision."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import NonFiniteLoss
from bench.tasks.base import HeadSpec, Metric, Outputs, Task
from bench.tasks.found import CERTAIN, Box, beside, coco_file, with_boxes
from bench.tasks.inspection import OVERLAP, Objects, box_areas, box_overlaps, inspected
from bench.tasks.precision import Item, Matched, image_scores, match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from bench.backbones.features import FeatureSpec
    from bench.cells.recipes import Recipe
    from bench.tasks.found import Found
    from bench.tasks.inspection import Inspection


class Detection(Task):
    """Boxes (B, M, 6), as `bench.data.formats.boxes` describes them, found by Faster R-CNN.

    The first head has half of the usual widths and few regions, which two cores can carry; ``wide`` has torchvision's
    own. A sample's score is its jackknife pseudo-value: average precision ranks the detections of all samples together.
    """

    title = "Object detection"
    metrics = (Metric("ap"), Metric("ap50", shown=True), Metric("ap75"))
    target = "boxes"
    heads = ("faster_rcnn", "wide")
    needs_levels = True
    libraries = {"faster_coco_eval": ""}
    at_once = 8

    def head(self, features: FeatureSpec, outputs: int, names: tuple[str, ...], kind: str = "") -> HeadSpec:
        return HeadSpec(features, outputs, names, plain=partial(rcnn, masks=False, size=kind or "small"))

    def loss(self, outputs: Any, targets: Tensor, recipe: Recipe) -> Tensor:
        from bench.heads.rcnn import Truth

        counted = [boxes[(boxes[:, 4] >= 0) & (boxes[:, 5] == 0)] for boxes in targets]
        return outputs.loss([Truth(boxes[:, :4], boxes[:, 4]) for boxes in counted])

    def kept(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        """``boxes`` (B, 100, 4), ``scores`` and ``classes`` (B, 100), -1 where there is none."""
        return outputs.detections()

    def evaluate(self, targets: np.ndarray, outputs: Outputs) -> dict[str, float]:
        return self._matched(targets, outputs).metrics()

    def item_scores(self, targets: np.ndarray, outputs: Outputs, metric: str) -> np.ndarray:
        return image_scores(self._matched(targets, outputs), metric)

    def read_out(self, found: Found) -> list[dict[str, Any]]:
        """Objects, the surest first: ``class`` (a number), ``score``, ``box`` (left, top, right, bottom in pixels)."""
        return [{name: one[name] for name in ("class", "score", "box")} for one in objects_of(found)]

    def columns(self, names: Sequence[str]) -> list[str]:
        return list(OBJECT_COLUMNS)

    def lines(self, found: Found, names: Sequence[str]) -> list[list[str]]:
        return object_lines(found, names)

    def pictures(self, found: Found, names: Sequence[str], picture: np.ndarray) -> dict[str, np.ndarray]:
        """``boxes``: the picture with the boxes of objects from a score of `CERTAIN` on."""
        return {"boxes": with_boxes(picture, drawn(found, names))}

    def summary(self, found: Sequence[Found], names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """``predictions.json``: all boxes in COCO's form."""
        return {"predictions.json": coco_file(found, names, coco_objects(found))}

    def inspect(self, targets: np.ndarray, outputs: Outputs, names: Sequence[str]) -> Inspection:
        """Missed and false boxes by class and size; what lies on an object that is not judged counts nowhere."""
        return inspected([_objects(boxes, _one(outputs, row)) for row, boxes in enumerate(targets)], names)

    def compared(self, target: np.ndarray, found: Found, names: Sequence[str], picture: np.ndarray) -> np.ndarray:
        true = [(found.in_pixels(box[:4].tolist()), int(box[4]), names[int(box[4])]) for box in target if box[4] >= 0]
        return beside(with_boxes(picture, true), with_boxes(picture, drawn(found, names)))

    def _matched(self, targets: np.ndarray, outputs: Outputs) -> Matched:
        truths = [_truth(image, box) for image, boxes in enumerate(targets) for box in boxes if box[4] >= 0]
        check_finite(outputs)
        found = [
            {**detected(outputs, image, place), "bbox": _corner_and_size(outputs["boxes"][image, place])}
            for image, place in zip(*np.nonzero(outputs["classes"] >= 0), strict=True)
        ]
        classes = max([1, *(item["category_id"] for item in (*truths, *found))])
        return match(truths, found, len(targets), classes, "bbox")


def detected(outputs: Outputs, image: int, place: int) -> Item:
    """One detection without its place."""
    label, score = int(outputs["classes"][image, place]), float(outputs["scores"][image, place])
    return {"image_id": int(image) + 1, "category_id": label + 1, "score": score}


def check_finite(outputs: Outputs) -> None:
    """Raise NonFiniteLoss where a detection's score or box is not a finite number."""
    if not (np.isfinite(outputs["scores"]).all() and np.isfinite(outputs["boxes"]).all()):
        raise NonFiniteLoss("The predictions hold a value that is not a finite number. Lower the learning rate.")


def _truth(image: int, box: np.ndarray) -> Item:
    place = _corner_and_size(box[:4])
    return {"image_id": image + 1, "category_id": int(box[4]) + 1, "bbox": place, "iscrowd": int(box[5])}


def _corner_and_size(box: np.ndarray) -> list[float]:
    left, top, right, bottom = (float(value) for value in box)
    return [left, top, right - left, bottom - top]


def _one(outputs: Outputs, row: int) -> Outputs:
    return {name: values[row] for name, values in outputs.items()}


def sure_places(outputs: Outputs) -> np.ndarray:
    """Places of one sample's objects from a score of `CERTAIN` on, the surest first."""
    best = np.argsort(-outputs["scores"], kind="stable")
    places: np.ndarray = best[(outputs["classes"][best] >= 0) & (outputs["scores"][best] >= CERTAIN)]
    return places


def _objects(boxes: np.ndarray, outputs: Outputs) -> Objects:
    """One sample's objects, and what was found there."""
    places = sure_places(outputs)
    judged, others = (boxes[(boxes[:, 4] >= 0) & (boxes[:, 5] == unjudged)] for unjudged in (0, 1))
    overlaps = box_overlaps(judged[:, :4], outputs["boxes"][places])
    spared = box_overlaps(others[:, :4], outputs["boxes"][places]).max(0, initial=0) >= OVERLAP
    kept = ~spared | (overlaps.max(0, initial=0) >= OVERLAP)
    places, overlaps = places[kept], overlaps[:, kept]
    labels, found = judged[:, 4].astype(int), outputs["classes"][places].astype(int)
    return Objects(labels, box_areas(judged), found, box_areas(outputs["boxes"][places]), overlaps)


OBJECT_COLUMNS = ("class", "score", "left", "top", "right", "bottom")


def objects_of(found: Found) -> list[dict[str, Any]]:
    """The objects of one input as `Detection.read_out` gives them, with their ``place`` among the outputs."""
    outputs = found.outputs
    best = [place for place in np.argsort(-outputs["scores"], kind="stable") if outputs["classes"][place] >= 0]
    return [
        {
            "class": int(outputs["classes"][place]),
            "score": float(outputs["scores"][place]),
            "box": found.in_pixels([float(value) for value in outputs["boxes"][place]]),
            "place": int(place),
        }
        for place in best
    ]


def object_lines(found: Found, names: Sequence[str]) -> list[list[str]]:
    """A line of `OBJECT_COLUMNS` for each object."""
    return [
        [names[one["class"]], f"{one['score']:.6f}", *(f"{edge:.1f}" for edge in one["box"])]
        for one in objects_of(found)
    ]


def drawn(found: Found, names: Sequence[str]) -> list[tuple[Box, int, str]]:
    """The objects of one input that are drawn."""
    sure = [one for one in objects_of(found) if one["score"] >= CERTAIN]
    return [(one["box"], one["class"], f"{names[one['class']]} {one['score']:.2f}") for one in sure]


def coco_objects(found: Sequence[Found]) -> list[Item]:
    """The objects of several inputs in COCO's form."""
    return [
        {
            "image_id": image,
            "category_id": one["class"] + 1,
            "score": one["score"],
            "bbox": [round(value, 2) for value in _corner_and_size(np.array(one["box"]))],
        }
        for image, each in enumerate(found, 1)
        for one in objects_of(each)
    ]


def rcnn(spec: HeadSpec, masks: bool, size: str) -> nn.Module:
    """The plain head of both tasks."""
    from bench.heads.rcnn import RCNNHead

    return RCNNHead(spec, masks, size)
