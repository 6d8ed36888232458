"""COCO's JSON: boxes and masks as written, flaws named; the adapters of COCO and ADE20K on made folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import DataError
from bench.data.base import rows_of
from bench.data.formats.coco import read_coco
from bench.data.prepare import prepare
from bench.datasets.ade20k import ADE20K
from bench.datasets.coco import COCO
from bench.datasets.coco_instances import COCOInstances
from bench.tasks.instances import NUMBERS

SQUARE = [[2, 2, 8, 2, 8, 6, 2, 6]]
CROWD = {"size": [10, 20], "counts": [150, 50]}  # the last five columns


def content(images: list[str], **changed: Any) -> dict[str, Any]:
    annotations = [
        {"id": 1, "image_id": 0, "category_id": 7, "bbox": [2, 2, 6, 4], "segmentation": SQUARE, "iscrowd": 0},
        {"id": 2, "image_id": 0, "category_id": 3, "bbox": [4, 3, 2, 2], "segmentation": [[4, 3, 6, 3, 6, 5, 4, 5]]},
        {"id": 3, "image_id": 0, "category_id": 3, "bbox": [15, 0, 5, 10], "segmentation": CROWD, "iscrowd": 1},
    ]  # fmt: skip
    annotations += [{**one, "id": 3 + one["id"], "image_id": 1} for one in annotations if len(images) > 1]
    return {
        "images": [{"id": n, "file_name": name, "height": 10, "width": 20} for n, name in enumerate(images)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "car"}],
        "annotations": annotations,
        **changed,
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a tiny COCO: 51 training and 2 validation images, objects on the first of each."""
    for part, count in (("train2017", 51), ("val2017", 2)):
        (tmp_path / "coco" / part).mkdir(parents=True)
        names = [f"{number:03d}.jpg" for number in range(count)]
        for number, name in enumerate(names):
            Image.new("RGB", (20, 10), (number * 5, 99 * (count == 2), 0)).save(tmp_path / "coco" / part / name)
        file = tmp_path / "coco" / "annotations" / f"instances_{part}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content(names)))
    return tmp_path


def test_boxes_and_classes(root: Path) -> None:
    prepared = prepare(COCO(), root, 0, partial=True)
    assert prepared.class_names == ("car", "cat")  # by category id
    assert prepared.counts == {"train": 49, "val": 2, "test": 2}
    first = next(iter(rows_of(prepared.dataset, prepared.table, root)))
    boxes = COCO().read_target(first)
    assert boxes.tolist() == [[2, 2, 8, 6, 1, 0], [4, 3, 6, 5, 0, 0], [15, 0, 20, 10, 0, 1]]


def test_maps_of_objects(root: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    file = root / "coco/annotations/instances_val2017.json"
    objects = read_coco(file).map_of_objects(root / "coco/val2017/000.jpg", NUMBERS)
    expected = np.zeros((10, 20), dtype=np.int32)
    expected[:, 15:] = 255
    expected[2:6, 2:8] = 2 * NUMBERS + 1
    expected[3:5, 4:6] = NUMBERS + 2
    assert np.array_equal(objects, expected)
    prepared = prepare(COCOInstances(), root, 0, partial=True)
    assert not any("left out" in note for note in prepared.notes)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"annotations": [{"id": 9, "image_id": 0, "category_id": 5, "bbox": [0, 0, 1, 1]}]}, "unknown category 5"),
        ({"annotations": [{"id": 9, "image_id": 0, "category_id": 3, "bbox": [0, 0, 1]}]}, "annotation 9 has no box"),
    ],
)
def test_bad_annotations_are_named(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    file = tmp_path / "some.json"
    file.write_text(json.dumps(content(["a.jpg"], **change)))
    with pytest.raises(DataError, match=text):
        read_coco(file).boxes(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"does not list the image b\.jpg"):
        read_coco(file).boxes(tmp_path / "b.jpg")


def test_a_file_that_is_no_coco_is_named(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    file.write_text('{"images": []}')
    with pytest.raises(DataError, match=r"some\.json: KeyError"):
        read_coco(file)


def test_ade20k(tmp_path: Path) -> None:
    place = tmp_path / "ADEChallengeData2016"
    for part, count in (("training", 2), ("validation", 1)):
        (place / "images" / part).mkdir(parents=True)
        (place / "annotations" / part).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (4, 4), (99 * number, 99 * count, 0)).save(place / "images" / part / f"{number}.jpg")
            labels = np.array([[0, 1], [2, 150]], dtype=np.uint8).repeat(2, 0).repeat(2, 1)
            Image.fromarray(labels).save(place / "annotations" / part / f"{number}.png")
    prepared = prepare(ADE20K(), tmp_path, 0, partial=True)
    assert prepared.counts == {"train": 1, "val": 1, "test": 1}
    first = next(iter(rows_of(prepared.dataset, prepared.table, tmp_path)))
    assert np.unique(ADE20K().read_target(first)).tolist() == [0, 1, 149, 255]
    (place / "annotations" / "training" / "0.png").unlink()
    with pytest.raises(DataError, match="is missing, but its image is there"):
        prepare(ADE20K(), tmp_path, 0, partial=True)
