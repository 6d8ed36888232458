"""What tasks say is wrong: objects missed and false by class and size, labels, numbers, pixels."""

from __future__ import annotations

import numpy as np
import pytest

from bench.tasks.detection import Detection
from bench.tasks.found import Found
from bench.tasks.inspection import Inspection, box_overlaps, mask_overlaps
from bench.tasks.instances import NUMBERS, Instances
from bench.tasks.multilabel import Multilabel
from bench.tasks.regression import Regression
from bench.tasks.segmentation import Segmentation

Box = tuple[float, float, float, float]
NAMES = ("cell", "dot")
LEFT, RIGHT, SMALL = (0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9), (0.1, 0.8, 0.2, 0.9)


def truths(*boxes: tuple[Box, int, int]) -> np.ndarray:
    rows = [[*box, label, unjudged] for box, label, unjudged in boxes]
    return np.array([[*rows, *[[0, 0, 0, 0, -1, 0]] * (4 - len(rows))]], dtype=np.float32)


def found(*boxes: tuple[Box, int, float]) -> dict[str, np.ndarray]:
    outputs = {"boxes": np.zeros((1, 5, 4)), "scores": np.zeros((1, 5)), "classes": np.full((1, 5), -1)}
    for place, (box, label, score) in enumerate(boxes):
        outputs["boxes"][0, place], outputs["scores"][0, place], outputs["classes"][0, place] = box, score, label
    return outputs


def by_class(told: Inspection) -> dict[str, list[str]]:
    return {row[0]: row[1:5] for row in told.tables[0][2]}  # objects, missed, of another class, false


def test_missed_false_and_confused_boxes_are_told_apart() -> None:
    """A cell that is found, a dot taken for a cell, a box where nothing is, and an unsure one that does not count."""
    told = Detection().inspect(
        truths((LEFT, 0, 0), (RIGHT, 1, 0), (SMALL, 1, 0)),
        found((LEFT, 0, 0.9), (RIGHT, 0, 0.8), ((0.6, 0.0, 0.7, 0.1), 1, 0.7), (SMALL, 1, 0.3)),
        NAMES,
    )
    assert by_class(told) == {"cell": ["1", "0", "1", "0"], "dot": ["2", "2", "0", "1"]}
    assert told.lines == (("3", "2", "2"),)
    assert told.wrong.tolist() == [4]


def test_a_second_box_on_one_object_is_false() -> None:
    told = Detection().inspect(truths((LEFT, 0, 0)), found((LEFT, 0, 0.9), (LEFT, 0, 0.8)), NAMES)
    assert by_class(told)["cell"] == ["1", "0", "0", "1"]


def test_boxes_on_objects_that_are_not_judged_count_nowhere() -> None:
    told = Detection().inspect(truths((LEFT, 0, 1), (RIGHT, 0, 0)), found((LEFT, 0, 0.9), (RIGHT, 0, 0.9)), NAMES)
    assert by_class(told)["cell"] == ["1", "0", "0", "0"]
    assert told.wrong.tolist() == [0]


def test_objects_are_told_by_thirds_of_their_size() -> None:
    told = Detection().inspect(
        truths((SMALL, 0, 0), ((0.0, 0.0, 0.2, 0.2), 0, 0), (RIGHT, 0, 0)), found((RIGHT, 0, 0.9)), NAMES
    )
    sizes = told.tables[1][2]
    assert [row[1:3] for row in sizes] == [["1", "1"], ["1", "1"], ["1", "0"]]
    assert sizes[0][0] == "small (up to 3 % of the image)"


@pytest.mark.parametrize("empty", [truths(), truths((LEFT, 0, 0))])
def test_images_without_objects_or_boxes_can_be_told(empty: np.ndarray) -> None:
    told = Detection().inspect(empty, found(), NAMES)
    assert told.wrong.tolist() == [float((empty[0, :, 4] >= 0).sum())]


def test_objects_with_masks_are_matched_by_these() -> None:
    """Two masks share a box; only one of them is what was found."""
    objects = np.zeros((1, 20, 20), dtype=np.int32)
    objects[0, :10, :5], objects[0, :10, 5:10] = NUMBERS, NUMBERS + 1
    mask = np.zeros((1, 5, 28, 28), dtype=np.uint8)
    mask[0, 0, :, :14] = 255
    outputs = {**found(((0, 0, 0.5, 0.5), 0, 0.9)), "masks": mask}
    assert by_class(Instances().inspect(objects, outputs, ["cell"]))["cell"] == ["2", "1", "0", "0"]
    nothing = Instances().inspect(np.zeros((1, 20, 20), dtype=np.int32), {**found(), "masks": mask}, ["cell"])
    assert nothing.wrong.tolist() == [0]


def test_overlaps() -> None:
    one, other = np.array([[0, 0, 2, 2]], dtype=float), np.array([[1, 0, 3, 2], [5, 5, 6, 6]], dtype=float)
    assert box_overlaps(one, other).tolist() == [[pytest.approx(1 / 3), 0]]
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[0, :2], masks[1, 1:3] = True, True
    assert mask_overlaps(masks[:1], masks)[0].tolist() == [1, pytest.approx(1 / 3)]


def test_pixels_by_class() -> None:
    counts = np.array([[[6, 2, 0], [0, 0, 2]]])  # right, wrongly claimed, missed
    told = Segmentation().inspect(np.zeros((1, 2, 4)), {"counts": counts, "labels": np.zeros((1, 2, 4))}, NAMES)
    assert told.tables[0][2] == [["cell", "6", "75.00", "100.00", "75.00"], ["dot", "2", "0.00", "0.00", "-"]]
    assert told.lines == (("37.50", "75.00"),)
    assert told.wrong.tolist() == [0.25]


def test_labels_and_samples_with_a_wrong_one() -> None:
    there = np.array([[1, 0], [1, 1], [0, 0]], dtype=np.float32)
    logits = np.array([[1, -1], [-1, 1], [-1, -1]], dtype=np.float32)
    told = Multilabel().inspect(there, {"logits": logits}, NAMES)
    assert told.tables[0][2][0][:5] == ["cell", "2", "50.00", "100.00", "66.67"]
    assert [line[:2] for line in told.lines] == [("cell", "cell"), ("cell;dot", "dot"), ("-", "-")]
    assert (told.wrong > 0).tolist() == [False, True, False]


def test_numbers_by_quarters() -> None:
    truth = np.arange(8.0)
    told = Regression().inspect(truth, {"values": truth + np.where(truth < 2, 3, -1)}, ())
    assert [row[1:] for row in told.tables[0][2]] == [["2", "3", "+3"], *[["2", "1", "-1"]] * 3]
    assert told.lines[0] == ("0", "3", "+3")
    assert told.wrong.max() == 3


def test_truth_stands_left_of_what_was_found() -> None:
    grey = np.full((40, 40, 3), 128, dtype=np.uint8)
    outputs = {name: values[0] for name, values in found((RIGHT, 0, 0.9)).items()}
    one = Found("a.png", outputs, (40, 40), ((0.0, 40.0), (0.0, 40.0)))
    both = Detection().compared(truths((LEFT, 0, 0))[0], one, NAMES, grey)
    left, right = both[:, :40], both[:, -40:]
    assert (left[0, :16] != 128).any(1).all()
    assert (left[20:] == 128).all()
    assert (right[20, 20:36] != 128).any(1).all()
    assert (right[:18, :18] == 128).all()
