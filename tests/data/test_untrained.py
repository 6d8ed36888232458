"""Classes without a training pixel, box or object stop as classes without an image do; targets are read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.core.errors import DataError
from bench.data import Dataset, Official, Sample
from bench.data.audit.checks import audit
from bench.data.prepare import prepare
from bench.tasks.instances import NUMBERS

SPLITS = ("train", "train", "train", "val", "test")
SHAPE = (10, 12)


class Targets(Dataset):
    """Five images whose targets a test gives."""

    task = "segmentation"
    classes = ("background", "lesion", "scar")
    protocols = {"all": Official()}

    def samples(self, root: Path) -> pd.DataFrame:
        return pd.DataFrame({"id": list("abcde"), "index": range(5), "split": SPLITS})

    def read(self, sample: Sample) -> np.ndarray:
        return np.random.default_rng(sample.index).integers(0, 255, (*SHAPE, 3), dtype=np.uint8)

    def read_target(self, sample: Sample) -> np.ndarray:
        return TARGETS[sample.index]


TARGETS: list[np.ndarray] = []


class Boxes(Targets):
    """The same with boxes."""

    task = "detection"


class Objects(Targets):
    """The same with objects."""

    task = "instances"


def label_map(*values: int) -> np.ndarray:
    found = np.zeros(SHAPE, dtype=np.uint8)
    for row, value in enumerate(values):
        found[row] = value
    return found


def object_map(*labels: int) -> np.ndarray:
    return label_map(*labels).astype(np.int32) * NUMBERS


def box(label: int, right: int = 5, ignored: int = 0) -> list[int]:
    return [1, 1, right, 6, label, ignored]


def box_list(*boxes: list[int]) -> np.ndarray:
    return np.array(boxes, dtype=np.float32).reshape(-1, 6)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(*train: np.ndarray, others: np.ndarray) -> None:
        monkeypatch.setitem(globals(), "TARGETS", [*train, *[train[-1]] * (3 - len(train)), others, others])

    return give


LACKING: list[tuple[type[Targets], list[np.ndarray], np.ndarray, list[str]]] = [
    (Targets, [label_map(0, 1), label_map(0, 255)], label_map(1, 2), ["scar"]),
    (Targets, [label_map(0, 255)], label_map(1, 2), ["lesion", "scar"]),
    (Targets, [np.full(SHAPE, 2, dtype=np.uint8), np.full(SHAPE, 1, dtype=np.uint8)], label_map(1), ["background"]),
    (Boxes, [box_list(box(0), box(1)), box_list()], box_list(box(2)), ["scar"]),
    (Boxes, [box_list(box(0), box(1), box(2, right=1))], box_list(box(2)), ["scar"]),
    (Boxes, [box_list(box(0), box(1), box(2, ignored=1))], box_list(box(2)), ["scar"]),
    (Objects, [object_map(1, 2), object_map()], object_map(3), ["scar"]),
]


@pytest.mark.parametrize(("kind", "train", "others", "names"), LACKING, ids=[f"{n}" for n in range(len(LACKING))])
def test_a_class_that_is_in_no_training_target_stops(
    root: Path, given: Any, kind: type[Targets], train: list[np.ndarray], others: np.ndarray, names: list[str]
) -> None:
    given(*train, others=others)
    with pytest.raises(DataError, match=f"no training sample of {len(names)}.*{', '.join(names)}"):
        prepare(kind(), root, 0)
    assert [kind.classes[label] for label in prepare(kind(), root, 0, partial=True).untrained] == names
    (told,) = [one for one in audit(kind(), root)["problems"] if one["kind"] == "untrained_class"]
    assert (told["status"], list(told["samples"])) == ("undeclared", names)


@pytest.mark.parametrize(
    ("kind", "train"),
    [
        (Targets, [label_map(0, 1, 255), label_map(2)]),
        (Boxes, [box_list(box(0), box(1)), box_list(box(2))]),
        (Objects, [object_map(1, 2), object_map(3)]),
    ],
)
def test_classes_that_train_pass(root: Path, given: Any, kind: type[Targets], train: list[np.ndarray]) -> None:
    given(*train, others=train[0])
    assert prepare(kind(), root, 0).untrained == ()


@pytest.mark.parametrize(
    ("kind", "nothing"),
    [(Targets, np.full(SHAPE, 255, dtype=np.uint8)), (Boxes, box_list()), (Objects, object_map())],
)
def test_no_object_at_all_stops_even_partial_data(
    root: Path, given: Any, kind: type[Targets], nothing: np.ndarray
) -> None:
    given(nothing, others=nothing)
    with pytest.raises(DataError, match="no training sample has an object"):
        prepare(kind(), root, 0, partial=True)


def test_masks_of_0_and_255_are_told_what_to_store(root: Path, given: Any) -> None:
    given(label_map(0, 255), others=label_map(0, 255))
    with pytest.raises(DataError, match="store 1 for 255"):
        prepare(Targets(), root, 0)
    given(label_map(0, 1, 255), others=label_map(0, 1, 255))
    with pytest.raises(DataError) as raised:
        prepare(Targets(), root, 0)
    assert "255" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "odd", "number"),
    [
        (Targets, label_map(127, 255), 127),  # grey values of three classes
        (Targets, label_map(1, 2, 3), 3),  # counted from 1
        (Boxes, box_list(box(0), box(3)), 3),
        (Boxes, box_list(box(-1)), -1),
        (Objects, object_map(1, 2, 4), 3),
    ],
)
def test_a_number_that_is_no_class_is_named_before_classes_that_lack(
    root: Path, given: Any, kind: type[Targets], odd: np.ndarray, number: int
) -> None:
    given(odd, others=odd)
    with pytest.raises(DataError, match=f"^a names the class {number},"):
        prepare(kind(), root, 0, partial=True)


def test_targets_that_did_not_change_are_not_classified_again(root: Path, given: Any) -> None:
    given(label_map(1, 2), others=label_map(1, 2))
    asked: list[int] = []

    class Counting(Targets):
        def left_out(self, sample: Sample) -> tuple[str, ...]:
            asked.append(sample.index)
            return ("one pixel",)

    notes = [prepare(Counting(), root, 0).notes for _ in range(2)]
    assert sorted(asked) == [0, 1, 2, 3, 4]
    assert notes[0] == notes[1]
    given(label_map(2, 1), others=label_map(1, 2))
    prepare(Counting(), root, 0)
    assert len(asked) == 10
