"""Average precision as COCO computes it, by faster-coco-eval; imports neither torch nor timm.

Matching is done once an image; average precision then follows for all images, and for all but one, which is what
jackknife pseudo-values need.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bench.core import extras
from bench.stats.pseudo import pseudo_values

MOST = 100  # detections an image that count
Kind = Literal["bbox", "segm"]
Item = dict[str, Any]  # image_id, category_id, bbox (left, top, width, height) or segmentation (RLE); score or iscrowd
METRICS = ("ap", "ap50", "ap75")


@dataclass(frozen=True)
class Matched:
    """Detections matched with truths, image by image.

    Attributes:
        images: Their number n; ids are 1..n.
        classes: Number of classes; ids are 1..classes.
    """

    images: int
    classes: int
    parameters: Any
    matches: list[Any]  # of (class, area range, image), the image running fastest

    def metrics(self, without: int | None = None) -> dict[str, float]:
        """``ap`` (mean over IoU .50:.05:.95), ``ap50`` and ``ap75`` of all images, or of all but number ``without``.

        NaN where no image that is left holds an object.
        """
        from faster_coco_eval.core.faster_eval_api import _C

        parameters, matches = self.parameters, self.matches
        if without is not None:
            parameters = copy.copy(parameters)
            parameters.imgIds = [image for image in parameters.imgIds if image != without + 1]
            matches = [match for place, match in enumerate(matches) if place % self.images != without]
        found = _C.COCOevalAccumulate(parameters, matches)
        precision = np.asarray(found["precision"]).reshape(found["counts"])[..., 0, -1]  # (IoU, recall, class)
        at = {round(float(iou), 2): place for place, iou in enumerate(parameters.iouThrs)}
        parts = (precision, precision[at[0.5]], precision[at[0.75]])
        return {name: _mean(part) for name, part in zip(METRICS, parts, strict=True)}


def match(truths: list[Item], found: list[Item], images: int, classes: int, kind: Kind) -> Matched:
    """Match detections with truths.

    Args:
        truths, found: Objects; ``iscrowd`` 1 marks truths that are not judged.
        images, classes: Their numbers.
        kind: Whether boxes or masks overlap.

    Raises:
        UsageError: faster-coco-eval is not installed.
    """
    extras.check("faster_coco_eval", "Average precision")
    from faster_coco_eval import COCOeval_faster

    evaluation = COCOeval_faster(
        _index(truths, images, classes), _index(found, images, classes), kind, print_function=_silent,
        separate_eval=True,
    )  # fmt: skip
    evaluation.params.maxDets = [MOST]
    evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
    evaluation.params.imgIds, evaluation.params.catIds = list(range(1, images + 1)), list(range(1, classes + 1))
    evaluation.evaluate()
    return Matched(images, classes, evaluation._paramsEval, list(evaluation._evalImgs_cpp))


def image_scores(matched: Matched, metric: str) -> np.ndarray:
    """Jackknife pseudo-values (n,) of a metric; leaving out the only image with an object changes nothing."""
    whole = matched.metrics()[metric]
    without = np.array([matched.metrics(image)[metric] for image in range(matched.images)])
    return pseudo_values(np.asarray(whole), np.where(np.isnan(without), whole, without))


def _index(items: list[Item], images: int, classes: int) -> Any:
    from faster_coco_eval import COCO

    index = COCO()
    index.dataset = {
        "info": {},
        "images": [{"id": image, "height": 1, "width": 1} for image in range(1, images + 1)],
        "categories": [{"id": label, "name": str(label)} for label in range(1, classes + 1)],
        "annotations": [{"id": number, "iscrowd": 0, "area": 1.0, **item} for number, item in enumerate(items, 1)],
    }
    index.createIndex()
    return index


def _mean(precision: np.ndarray) -> float:
    """COCO's mean: -1 marks classes without an object."""
    return float(precision[precision > -1].mean()) if (precision > -1).any() else float("nan")


def _silent(*_: object) -> None:
    """What the library would print."""
