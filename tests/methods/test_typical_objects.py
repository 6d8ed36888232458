"""The trivial baseline of detection and instances against cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.baselines.typical_objects import TypicalObjects
from bench.conformance.subjects import SPEC
from bench.data.formats.boxes import padded
from bench.methods import FeatureSplit, HeadSpec
from bench.tasks.base import Outputs
from bench.tasks.detection import Detection
from bench.tasks.instances import NUMBERS, Instances

LEFT = (0.0, 0.0, 0.5, 0.5, 0, 0)
NEARLY = (0.0, 0.0, 0.5, 0.4, 0, 0)  # overlaps LEFT by 0.8
RIGHT = (0.5, 0.5, 1.0, 1.0, 0, 0)
OTHER = (0.0, 0.0, 0.5, 0.5, 1, 0)
CROWD = (0.5, 0.0, 1.0, 0.5, 0, 1)


def fitted(targets: np.ndarray, classes: int = 2, shown: int = 3) -> Outputs:
    """What is found in ``shown`` other images."""
    spec = HeadSpec(SPEC.features, classes)
    found = (
        TypicalObjects()
        .fit(FeatureSplit(np.zeros((len(targets), 1)), targets), None, spec)
        .predict(np.zeros((shown, 1)))
    )
    assert isinstance(found, dict)
    return found


def boxes(*images: list[tuple[float, ...]]) -> np.ndarray:
    return np.stack([padded(np.array(image, dtype=np.float32).reshape(-1, 6), 4) for image in images])


def test_a_box_scores_the_share_of_images_that_have_one_there() -> None:
    targets = boxes([LEFT, RIGHT], [NEARLY, CROWD], [LEFT, OTHER], [RIGHT])
    found = fitted(targets)
    assert {name: values.shape for name, values in found.items()} == {
        "boxes": (3, 100, 4), "scores": (3, 100), "classes": (3, 100)
    }  # fmt: skip
    assert found["scores"][0, :4] == pytest.approx([0.75, 0.5, 0.25, 0])
    assert found["classes"][1, :4].tolist() == [0, 0, 1, -1]
    assert found["boxes"][2, 1] == pytest.approx(RIGHT[:4])


def test_two_boxes_of_one_image_count_once() -> None:
    assert fitted(boxes([LEFT, NEARLY], [RIGHT]))["scores"][0, :2] == pytest.approx([0.5, 0.5])


def test_images_that_all_look_alike_are_found_whole() -> None:
    pytest.importorskip("faster_coco_eval")
    targets = boxes([LEFT, RIGHT, OTHER], [LEFT, RIGHT, OTHER])
    assert Detection().evaluate(targets, fitted(targets, shown=2))["ap"] == pytest.approx(1)


def test_masks_are_the_mean_of_their_class() -> None:
    pytest.importorskip("faster_coco_eval")
    target = np.zeros((2, 32, 32), dtype=np.int32)
    target[:, 4:12, 4:12] = NUMBERS
    target[:, 4:8, 4:8] = 0  # a corner is missing
    target[1, 20:28, 20:28] = NUMBERS + 1
    found = fitted(target, classes=1, shown=2)
    middle = found["masks"][0, 0].astype(float)
    assert middle[20, 20] == 255
    assert middle[5, 5] == pytest.approx(255 / 3, abs=1)  # one object of three has it
    assert Instances().evaluate(target[:1], {k: v[:1] for k, v in found.items()})["ap50"] == pytest.approx(1)


def test_of_many_objects_none_is_left_out_by_its_place() -> None:
    many = np.tile(np.array(LEFT, dtype=np.float32), (1500, 3, 1))
    many[:, 1:] = np.array(RIGHT, dtype=np.float32)
    found = fitted(many)
    assert found["classes"][0, :3].tolist() == [0, 0, -1]


def test_images_without_objects_find_nothing() -> None:
    assert (fitted(boxes([], []))["classes"] == -1).all()
