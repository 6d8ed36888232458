"""Average precision of boxes and masks against pycocotools and torchmetrics."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch

from bench.core.errors import NonFiniteLoss
from bench.tasks.base import Outputs, Task
from bench.tasks.detection import Detection
from bench.tasks.instances import NUMBERS, Instances
from bench.tasks.masks import pasted

pytest.importorskip("faster_coco_eval")
IMAGES, CLASSES, SIDE, MOST = 12, 3, 48, 100


def boxes_case() -> tuple[np.ndarray, Outputs]:
    """Padded truths, some of them not judged, and detections near most of them, some wrong."""
    rng = np.random.default_rng(0)
    targets = np.tile(np.array([0, 0, 0, 0, -1, 0], dtype=np.float32), (IMAGES, 6, 1))
    outputs = {"boxes": np.zeros((IMAGES, MOST, 4), np.float32), "scores": np.zeros((IMAGES, MOST), np.float32),
               "classes": np.full((IMAGES, MOST), -1, np.int16)}  # fmt: skip
    for image in range(IMAGES - 1):  # the last image holds nothing
        for place in range(rng.integers(1, 7)):
            left, top, width, height = rng.uniform((0, 0, 0.1, 0.1), (0.5, 0.5, 0.4, 0.4))
            box = np.array([left, top, left + width, top + height])
            label = rng.integers(CLASSES)
            targets[image, place] = [*box, label, rng.random() < 0.1]
            if rng.random() < 0.8:
                outputs["boxes"][image, place] = box + rng.normal(scale=0.02, size=4)
                outputs["scores"][image, place] = rng.random()
                outputs["classes"][image, place] = label if rng.random() < 0.9 else rng.integers(CLASSES)
    return targets, outputs


def masks_case() -> tuple[np.ndarray, Outputs]:
    rng = np.random.default_rng(1)
    targets = np.zeros((IMAGES, SIDE, SIDE), dtype=np.int32)
    outputs = {"boxes": np.zeros((IMAGES, MOST, 4), np.float32), "scores": np.zeros((IMAGES, MOST), np.float32),
               "classes": np.full((IMAGES, MOST), -1, np.int16),
               "masks": np.zeros((IMAGES, MOST, 28, 28), np.uint8)}  # fmt: skip
    circle = np.hypot(*(np.mgrid[:28, :28] - 13.5)) < 13
    for image in range(IMAGES):
        for place, (row, column) in enumerate([(2, 4), (24, 3), (22, 25)][: rng.integers(1, 4)]):
            side, label = int(rng.integers(10, 20)), int(rng.integers(CLASSES))
            rows, columns = np.mgrid[:SIDE, :SIDE]
            shape = np.hypot(rows - row - side / 2 + 0.5, columns - column - side / 2 + 0.5) < side / 2
            targets[image][shape] = (label + 1) * NUMBERS + place
            box = np.array([column, row, column + side, row + side]) + rng.normal(scale=1.0, size=4)
            outputs["boxes"][image, place] = box / SIDE
            outputs["masks"][image, place] = circle * 255
            outputs["scores"][image, place] = rng.random()
            outputs["classes"][image, place] = label
    return targets, outputs


def coco(truths: list[dict[str, Any]], found: list[dict[str, Any]], kind: str, size: int) -> dict[str, float]:
    """What pycocotools says."""
    tools = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        index = tools.COCO()
        index.dataset = {
            "info": {}, "images": [{"id": i, "height": size, "width": size} for i in range(IMAGES)],
            "categories": [{"id": c} for c in range(CLASSES)],
            "annotations": [{"id": n + 1, "area": 1, "iscrowd": 0, **item} for n, item in enumerate(truths)],
        }  # fmt: skip
        index.createIndex()
        judge = evaluation.COCOeval(index, index.loadRes(found), kind)
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., 0, -1]
    means = [part[part > -1].mean() for part in (precision, precision[0], precision[5])]
    return dict(zip(("ap", "ap50", "ap75"), means, strict=True))


def test_boxes_equal_pycocotools_and_torchmetrics() -> None:
    targets, outputs = boxes_case()
    scores = Detection().evaluate(targets, outputs)
    truths = [
        {"image_id": i, "category_id": int(b[4]), "iscrowd": int(b[5]), "bbox": [*b[:2], *(b[2:4] - b[:2])]}
        for i, boxes in enumerate(targets.astype(float)) for b in boxes if b[4] >= 0
    ]  # fmt: skip
    found = [
        {"image_id": i, "category_id": int(outputs["classes"][i, k]), "score": float(outputs["scores"][i, k]),
         "bbox": [*b[:2], *(b[2:] - b[:2])]}
        for i, boxes in enumerate(outputs["boxes"].astype(float)) for k, b in enumerate(boxes)
        if outputs["classes"][i, k] >= 0
    ]  # fmt: skip
    assert 0.1 < scores["ap"] < 0.9
    assert scores == pytest.approx(coco(truths, found, "bbox", 1))
    detection = pytest.importorskip("torchmetrics.detection")
    metric = detection.MeanAveragePrecision(backend="faster_coco_eval")
    metric.update(*_torchmetrics(targets, outputs))
    theirs = metric.compute()
    assert [scores["ap"], scores["ap50"], scores["ap75"]] == pytest.approx(
        [float(theirs[name]) for name in ("map", "map_50", "map_75")], abs=1e-6
    )


def _torchmetrics(targets: np.ndarray, outputs: Outputs) -> tuple[list[Any], list[Any]]:
    found, truths = [], []
    for image, boxes in enumerate(targets):
        seen, real = outputs["classes"][image] >= 0, boxes[boxes[:, 4] >= 0]
        found.append({
            "boxes": torch.from_numpy(outputs["boxes"][image][seen]) * 100,
            "scores": torch.from_numpy(outputs["scores"][image][seen]),
            "labels": torch.from_numpy(outputs["classes"][image][seen].astype(int)),
        })  # fmt: skip
        truths.append({
            "boxes": torch.from_numpy(real[:, :4]) * 100, "labels": torch.from_numpy(real[:, 4].astype(int)),
            "iscrowd": torch.from_numpy(real[:, 5].astype(int)),
        })  # fmt: skip
    return found, truths


def test_masks_equal_pycocotools() -> None:
    rle = pytest.importorskip("pycocotools.mask")
    targets, outputs = masks_case()
    scores = Instances().evaluate(targets, outputs)

    def coded(mask: np.ndarray) -> Any:
        return rle.encode(np.asfortranarray(mask, dtype=np.uint8))

    truths = [
        {"image_id": i, "category_id": int(n) // NUMBERS - 1, "segmentation": coded(objects == n)}
        for i, objects in enumerate(targets) for n in np.unique(objects) if n
    ]  # fmt: skip
    found = [
        {"image_id": i, "category_id": int(outputs["classes"][i, k]), "score": float(outputs["scores"][i, k]),
         "segmentation": coded(pasted(outputs["masks"][i, k], outputs["boxes"][i, k], (SIDE, SIDE)))}
        for i in range(IMAGES) for k in range(3) if outputs["classes"][i, k] >= 0
    ]  # fmt: skip
    assert 0.1 < scores["ap"] < 0.95
    assert scores == pytest.approx(coco(truths, found, "segm", SIDE))


@pytest.mark.parametrize(("task", "make"), [(Detection(), boxes_case), (Instances(), masks_case)])
def test_item_scores_are_the_jackknife_of_the_metric(task: Any, make: Any) -> None:
    targets, outputs = make()
    scores = task.item_scores(targets, outputs, "ap")
    assert scores.mean() == pytest.approx(task.evaluate(targets, outputs)["ap"])
    np.testing.assert_allclose(scores, Task.item_scores(task, targets, outputs, "ap"))


def test_nothing_found_is_zero_and_nothing_to_find_is_no_number() -> None:
    targets, outputs = boxes_case()
    nothing = {**outputs, "classes": np.full_like(outputs["classes"], -1)}
    assert Detection().evaluate(targets, nothing)["ap"] == 0
    assert np.isnan(Detection().evaluate(targets[-1:], {k: v[-1:] for k, v in nothing.items()})["ap"])


def test_a_score_that_is_no_number_is_an_error() -> None:
    targets, outputs = boxes_case()
    outputs["scores"][0, 0] = np.nan
    with pytest.raises(NonFiniteLoss):
        Detection().evaluate(targets, outputs)
