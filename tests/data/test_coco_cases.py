"""COCO files as other tools write them: turned photographs, ids and categories that differ, masks of odd forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import DataError
from bench.data.audit.checks import audit
from bench.data.base import Dataset, Sample, rows_of
from bench.data.prepare import checked_table, prepare
from bench.datasets.coco import COCO
from bench.datasets.coco_instances import COCOInstances
from bench.tasks.instances import NUMBERS

ODD = Path(__file__).parents[1] / "fixtures" / "cases" / "coco"
HEIGHT, WIDTH = 12, 20
LEFT, TOP, RIGHT, BOTTOM = 3, 2, 9, 6
SQUARE = [LEFT, TOP, RIGHT, TOP, RIGHT, BOTTOM, LEFT, BOTTOM]
Content = dict[str, Any]


def content(number: int = 2) -> Content:
    """Photographs with one object each, of the class "cat" and "dog" in turn."""
    box = [LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP]
    return {
        "images": [{"id": n, "file_name": f"{n}.png", "height": HEIGHT, "width": WIDTH} for n in range(number)],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 10 + n, "image_id": n, "category_id": 3 if n % 2 == 0 else 7, "bbox": box, "segmentation": [SQUARE]}
            for n in range(number)
        ],
    }


def written(root: Path, train: Content, val: Content | None = None, orientation: int = 1, side: int = WIDTH) -> Path:
    """A data root whose photographs are bright where their object is, and turned by EXIF."""
    for part, said in (("train2017", train), ("val2017", val or content())):
        for number, entry in enumerate(said["images"]):
            pixels = np.random.default_rng(number + 50 * (part == "val2017")).integers(0, 90, (HEIGHT, side), np.uint8)
            pixels[TOP:BOTTOM, LEFT:RIGHT] = 255
            exif = Image.Exif()
            exif[0x0112] = orientation
            file = root / "coco" / part / entry["file_name"]
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file, exif=exif)
        file = root / "coco" / "annotations" / f"instances_{part}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(said))
    return root


def samples(dataset: Dataset, root: Path) -> list[Sample]:
    return list(rows_of(dataset, checked_table(dataset, root), root))


def sizes(said: Content, height: int, width: int) -> Content:
    for entry in said["images"]:
        entry.update(height=height, width=width)
    return said


@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_boxes_and_masks_of_stored_pixels_turn_with_the_photograph(tmp_path: Path, orientation: int) -> None:
    pytest.importorskip("faster_coco_eval")
    written(tmp_path, content(), orientation=orientation)
    for sample in samples(COCO(), tmp_path):
        (box,) = COCO().read_target(sample).astype(int)
        bright = COCO().read(sample)[..., 0] == 255
        objects = COCOInstances().read_target(sample)
        assert np.array_equal(objects >= NUMBERS, bright)
        expected = np.zeros_like(bright)
        expected[box[1] : box[3], box[0] : box[2]] = True
        assert np.array_equal(expected, bright)


def test_boxes_of_the_upright_photograph_stay(tmp_path: Path) -> None:
    upright = sizes(content(), WIDTH, HEIGHT)
    written(tmp_path, upright, upright, orientation=6)
    (box,) = COCO().read_target(samples(COCO(), tmp_path)[0])
    assert box[:4].tolist() == [LEFT, TOP, RIGHT, BOTTOM]


@pytest.mark.parametrize(("orientation", "side"), [(2, WIDTH), (3, WIDTH), (4, WIDTH), (6, HEIGHT), (8, HEIGHT)])
@pytest.mark.parametrize("dataset", [COCO(), COCOInstances()], ids=["boxes", "masks"])
def test_what_may_be_turned_or_not_is_refused(tmp_path: Path, dataset: Dataset, orientation: int, side: int) -> None:
    said = sizes(content(), HEIGHT, side)
    written(tmp_path, said, said, orientation, side)
    with pytest.raises(DataError, match=rf"0\.png .*EXIF orientation {orientation}"):
        dataset.read_target(samples(dataset, tmp_path)[0])


@pytest.mark.parametrize("size", [(HEIGHT, 40), (WIDTH, HEIGHT), (HEIGHT * 2, WIDTH * 2)])
@pytest.mark.parametrize("dataset", [COCO(), COCOInstances()], ids=["boxes", "masks"])
def test_annotations_for_another_size_are_refused(tmp_path: Path, dataset: Dataset, size: tuple[int, int]) -> None:
    said = sizes(content(), *size)
    written(tmp_path, said, said)
    with pytest.raises(DataError, match=r"instances_train2017\.json .*0\.png"):
        dataset.read_target(samples(dataset, tmp_path)[0])


def test_categories_are_matched_by_name(tmp_path: Path) -> None:
    train = content()
    train["categories"] = [{"id": 3, "name": "dog"}, {"id": 7, "name": "cat"}, {"id": 1, "name": "eel"}]
    written(tmp_path, train)
    assert COCO().class_names(tmp_path) == ("cat", "dog", "eel")
    found = {sample.id: int(COCO().read_target(sample)[0, 4]) for sample in samples(COCO(), tmp_path)}
    assert found == {"train2017/0.png": 1, "train2017/1.png": 0, "val2017/0.png": 0, "val2017/1.png": 1}
    masks = {s.id: int(COCOInstances().read_target(s).max()) for s in samples(COCOInstances(), tmp_path)}
    assert {name: number // NUMBERS - 1 for name, number in masks.items()} == found


@pytest.mark.parametrize("form", [str, float, "{:012d}".format])
def test_ids_of_images_and_categories_join_as_number_or_text(tmp_path: Path, form: Callable[[int], Any]) -> None:
    train = content()
    for one in train["annotations"]:
        one.update(image_id=form(one["image_id"]), category_id=form(one["category_id"]))
    written(tmp_path, train)
    found = [int(COCO().read_target(sample)[0, 4]) for sample in samples(COCO(), tmp_path)]
    assert found == [0, 1, 0, 1]


@pytest.mark.parametrize("dataset", [COCO(), COCOInstances()], ids=["boxes", "masks"])
def test_annotations_of_no_image_are_counted(tmp_path: Path, dataset: Dataset) -> None:
    train = content()
    train["annotations"] += [{**train["annotations"][0], "id": 90 + n, "image_id": f"lost{n}"} for n in range(3)]
    written(tmp_path, train)
    (note,) = prepare(dataset, tmp_path, 0, partial=True).notes
    assert note.startswith("3 annotations are left out")
    assert "annotation 90" in note
    report = audit(dataset, tmp_path, partial=True)
    (told,) = [problem for problem in report["problems"] if problem["kind"] == "left_out"]
    assert (told["count"], told["samples"]) == (3, ("train2017/0.png",))


def test_lines_in_a_mask_are_left_out_and_counted(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    train = content(3)
    corner = [LEFT, TOP, RIGHT + 5, BOTTOM + 5]  # of four numbers, which is no box
    for one, parts in zip(train["annotations"], ([corner, SQUARE], [SQUARE, [1, 2], []], [corner]), strict=True):
        one["segmentation"] = parts
    written(tmp_path, train)
    whole = (RIGHT - LEFT) * (BOTTOM - TOP)
    found = samples(COCOInstances(), tmp_path)
    assert [int((COCOInstances().read_target(one) > 0).sum()) for one in found] == [whole, whole, 0, whole, whole]
    lines = [COCOInstances().left_out(one) for one in found]
    assert [len(one) for one in lines] == [1, 1, 1, 0, 0]
    assert all(f"annotation {10 + n}" in lines[n][0] for n in range(3))


WRONG_MASKS = [
    SQUARE, [[[LEFT, TOP], [RIGHT, TOP], [RIGHT, BOTTOM]]], "abc", 7, [SQUARE, None], [["2", "3", "4", "3", "4", "5"]],
    [[2, 3, 12, 3, 12]], [[float("nan"), *SQUARE[1:]]], [[float("inf"), *SQUARE[1:]]], [[1e12, *SQUARE[1:]]],
    {"size": [HEIGHT, WIDTH], "counts": [100, 50]}, {"size": [HEIGHT, WIDTH], "counts": [100, 500]},
    {"size": [HEIGHT, WIDTH], "counts": [300, -60]}, {"size": [HEIGHT, WIDTH], "counts": "52203"},
    {"size": [HEIGHT, WIDTH], "counts": None}, {"size": [WIDTH, HEIGHT], "counts": [100, 140]}, {"counts": [240]},
]  # fmt: skip


@pytest.mark.parametrize("shape", WRONG_MASKS, ids=[f"{n}" for n in range(len(WRONG_MASKS))])
def test_wrong_masks_are_one_line_with_file_and_annotation(tmp_path: Path, shape: Any) -> None:
    pytest.importorskip("faster_coco_eval")
    train = content()
    train["annotations"][0]["segmentation"] = shape
    written(tmp_path, train)
    with pytest.raises(DataError, match=r"instances_train2017\.json: the mask of annotation 10 "):
        COCOInstances().read_target(samples(COCOInstances(), tmp_path)[0])


@pytest.mark.parametrize("coded", [True, False])
def test_run_lengths_are_read_as_the_library_writes_them(tmp_path: Path, coded: bool) -> None:
    rle = pytest.importorskip("faster_coco_eval.core").mask
    mask = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.3
    mask[4:, 5:15] = True
    shape = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    edges = np.flatnonzero(np.diff(np.r_[0, mask.T.ravel(), 1 - mask[-1, -1]].astype(int))) if not coded else None
    counts = shape["counts"].decode() if coded else np.diff(np.r_[0, edges]).tolist()
    train = content()
    train["annotations"][0]["segmentation"] = {"size": [HEIGHT, WIDTH], "counts": counts}
    written(tmp_path, train)
    found = COCOInstances().read_target(samples(COCOInstances(), tmp_path)[0])
    assert np.array_equal(found > 0, mask)


@pytest.mark.parametrize("name", ["catlist", "noid", "nosize", "rleshort", "segpairs", "segstr"])
def test_odd_files_are_refused_with_their_name(tmp_path: Path, name: str) -> None:
    pytest.importorskip("faster_coco_eval")
    odd = json.loads((ODD / f"odd_{name}.json").read_text())
    written(tmp_path, odd)
    Image.new("L", (40, 30)).save(tmp_path / "coco" / "train2017" / "a.jpg")
    with pytest.raises(DataError, match=r"instances_train2017\.json"):
        COCOInstances().read_target(samples(COCOInstances(), tmp_path)[0])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"bbox": [2, 3, float("nan"), 4]}, "annotation 10"),
        ({"bbox": [2, 3, float("inf"), 4]}, "annotation 10"),
        ({"category_id": {"id": 3}}, "annotation 10"),
        ({"category_id": None}, "annotation 10"),
        ({"image_id": [0]}, "annotation 10"),
        ({"iscrowd": "no"}, "annotation 10"),
    ],
)
def test_wrong_annotations_are_one_line(tmp_path: Path, change: Content, text: str) -> None:
    train = content()
    train["annotations"][0].update(change)
    written(tmp_path, train)
    with pytest.raises(DataError, match=rf"instances_train2017\.json.*{text}"):
        COCO().read_target(samples(COCO(), tmp_path)[0])


@pytest.mark.parametrize(
    ("part", "field"), [("images", "id"), ("images", "file_name"), ("categories", "id"), ("categories", "name")]
)
def test_what_stands_twice_is_refused(tmp_path: Path, part: str, field: str) -> None:
    train = content()
    one, other = train[part][:2]
    other[field] = one[field]
    written(tmp_path, train)
    with pytest.raises(DataError, match=r"instances_train2017\.json"):
        samples(COCO(), tmp_path)
