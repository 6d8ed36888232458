"""Own images with boxes and masks: layouts, splits, groups, and what is refused."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_dense import BOX
from made_images import picture
from PIL import Image

from bench.core.errors import DataError
from bench.data import Dataset
from bench.data.audit.checks import audit, is_clean
from bench.data.base import rows_of
from bench.data.prepare import Prepared, prepare
from bench.datasets.box_folder import BoxFolder
from bench.datasets.image_folder import ImageFolder
from bench.datasets.mask_folder import MaskFolder
from bench.grid.own_files import reading
from bench.tasks.instances import NUMBERS

NAMES = ("cat", "dog")
WRITTEN = [2, 1, 9, 8]  # corners of the box in `BOX`


def voc(place: Path, count: int = 10, image: str = "{n}.png", note: str = "{n}.xml") -> None:
    for n in range(count):
        picture(place / image.format(n=n), zlib.crc32(f"{place.name}/{image}/{n}".encode()))
        file = place / note.format(n=n)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BOX.format(width=12, height=10, name=NAMES[n % 2]))


def masks(place: Path, values: tuple[int, int], count: int = 10, mask: str = "masks/{n}.png") -> None:
    for n in range(count):
        picture(place / f"images/{n}.png", n)
        pixels = np.full((10, 12), values[0], dtype=np.uint8)
        pixels[2:6, 3 : 5 + n % 3] = values[1]
        file = place / mask.format(n=n)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)


def ready(dataset: Dataset, root: Path) -> Prepared:
    return prepare(dataset, root, data_seed=0)


def targets(dataset: Dataset, root: Path) -> list[np.ndarray]:
    table = ready(dataset, root).table
    return [dataset.read_target(sample) for sample in rows_of(dataset, table, root)]


@pytest.mark.parametrize(
    ("image", "note"),
    [("{n}.png", "{n}.xml"), ("JPEGImages/{n}.png", "Annotations/{n}.xml"), ("images/{n}.png", "labels/{n}.XML")],
)
def test_voc_files_belong_to_the_images_of_their_names(root: Path, image: str, note: str) -> None:
    voc(root / "own", image=image, note=note)
    prepared = ready(BoxFolder(path="own"), root)
    assert prepared.class_names == NAMES
    assert prepared.counts == {"train": 6, "val": 2, "test": 2}
    for n, boxes in enumerate(targets(BoxFolder(path="own"), root)):
        assert boxes.tolist() == [[*WRITTEN, n % 2, 0]]


@pytest.mark.parametrize("layout", ["images/{s}/{n}.png labels/{s}/{n}.xml", "{s}/images/{n}.png {s}/labels/{n}.xml"])
def test_folders_named_after_splits_are_followed(root: Path, layout: str) -> None:
    for split, count in (("train", 6), ("valid", 4), ("test", 2)):
        image, note = (part.replace("{s}", split) for part in layout.split())
        voc(root / "own", count, image, note)
    assert ready(BoxFolder(path="own", protocol="split"), root).counts == {"train": 6, "val": 4, "test": 2}
    with pytest.raises(DataError, match=r"protocol=split"):
        ready(BoxFolder(path="own"), root)


def test_lists_of_pascal_voc_are_followed(root: Path) -> None:
    voc(root / "own")
    lists = root / "own/ImageSets/Main"
    lists.mkdir(parents=True)
    for split, names in (("train", "0 1 2 3 4 5"), ("val", "6 7"), ("test", "8 9")):
        (lists / f"{split}.txt").write_text("\n".join(names.split()))
    assert ready(BoxFolder(path="own", protocol="split"), root).counts == {"train": 6, "val": 2, "test": 2}
    (lists / "test.txt").write_text("8")
    with pytest.raises(DataError, match=r"1 images are in no split, e\.g\. 9\.png"):
        ready(BoxFolder(path="own", protocol="split"), root)


@pytest.mark.parametrize("lost", ["3.xml", "3.png"])
def test_images_without_annotation_and_the_other_way_round_are_named(root: Path, lost: str) -> None:
    voc(root / "own")
    (root / "own" / lost).unlink()
    with pytest.raises(DataError, match=r"e\.g\. 3\."):
        ready(BoxFolder(path="own"), root)


def coco(place: Path, name: str, first: int, count: int) -> None:
    images = [{"id": n, "file_name": f"pictures/{first + n}.png", "height": 10, "width": 12} for n in range(count)]
    notes = [{"id": n + 1, "image_id": n, "category_id": n % 2, "bbox": [2, 1, 7, 7],
              "segmentation": [[2, 1, 9, 1, 9, 8, 2, 8]]} for n in range(count)]  # fmt: skip
    categories = [{"id": n, "name": name} for n, name in enumerate(NAMES)]
    for n in range(count):
        picture(place / f"pictures/{first + n}.png", first + n)
    (place / name).write_text(json.dumps({"images": images, "annotations": notes, "categories": categories}))


def test_coco_files_say_which_images_there_are_and_in_which_split(root: Path) -> None:
    (root / "own").mkdir()
    for name, first, count in (("train.json", 0, 6), ("instances_val2017.json", 6, 2), ("test.json", 8, 2)):
        coco(root / "own", name, first, count)
    dataset = BoxFolder(path="own", format="coco", protocol="split")
    prepared = ready(dataset, root)
    assert prepared.class_names == NAMES
    assert prepared.counts == {"train": 6, "val": 2, "test": 2}
    assert all(boxes[0, :4].tolist() == WRITTEN for boxes in targets(dataset, root))
    objects = targets(MaskFolder(path="own", task="instances", format="coco", protocol="split"), root)
    assert [int(one.max()) // NUMBERS for one in objects] == [1, 2] * 5


def test_an_image_of_two_coco_files_is_named(root: Path) -> None:
    (root / "own").mkdir()
    coco(root / "own", "train.json", 0, 6)
    coco(root / "own", "test.json", 5, 2)
    with pytest.raises(DataError, match=r"pictures/5\.png stands in .*test\.json and train\.json|train\.json and test"):
        ready(BoxFolder(path="own", format="coco", protocol="split_without_val"), root)


def yolo(place: Path, lines: dict[int, str]) -> None:
    for n in range(10):
        picture(place / f"images/{n}.png", n)
        if n in lines:
            (place / "labels").mkdir(exist_ok=True)
            (place / f"labels/{n}.txt").write_text(lines[n])


LINE = "{} 0.4583333333 0.45 0.5833333333 0.7"  # the box of `BOX` on 12 x 10 pixels


def test_yolo_files_hold_shares_and_an_image_without_one_no_objects(root: Path) -> None:
    lines = {n: LINE.format(n % 2) for n in range(9)}
    yolo(root / "own", {**lines, 4: "0 0.25 0.1 0.75 0.1 0.75 0.8 0.25 0.8"})
    (root / "own/data.yaml").write_text("names: {0: cat, 1: dog}\ntrain: images\n")
    dataset = BoxFolder(path="own", format="yolo")
    prepared, found = ready(dataset, root), targets(dataset, root)
    assert prepared.class_names == NAMES
    assert np.allclose(found[1], [[*WRITTEN, 1, 0]], atol=1e-4)
    assert np.allclose(found[4], [[3, 1, 9, 8, 0, 0]])
    assert found[9].shape == (0, 6)
    assert any("1 of 10 images" in note and "9.png" in note for note in prepared.notes)


@pytest.mark.parametrize(
    ("line", "problem"),
    [("0 3 4 5 6", "pixels"), ("cat 0.1 0.1 0.2 0.2", "no class number"), ("2 " + LINE[3:], "class 2")],
)
def test_wrong_yolo_lines_are_named(root: Path, line: str, problem: str) -> None:
    yolo(root / "own", {n: LINE.format(n % 2) if n else line for n in range(10)})
    (root / "own/classes.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match=problem):
        ready(BoxFolder(path="own", format="yolo"), root)


def test_yolo_without_labels_or_with_strays_is_refused(root: Path) -> None:
    yolo(root / "own", {})
    (root / "own/classes.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError, match=r"No image .* has a label file"):
        ready(BoxFolder(path="own", format="yolo"), root)
    yolo(root / "own", {n: LINE.format(n % 2) for n in range(10)})
    (root / "own/labels/stray.txt").write_text("")
    with pytest.raises(DataError, match=r"belong to no image, e\.g\. labels/stray\.txt"):
        ready(BoxFolder(path="own", format="yolo"), root)


def test_values_of_masks_become_classes_in_their_order(root: Path) -> None:
    masks(root / "own", (0, 255))
    with pytest.raises(DataError, match=r"values=\[0,255\]"):
        ready(MaskFolder(path="own"), root)
    dataset = MaskFolder(path="own", values=(0, 255))
    assert ready(dataset, root).class_names == ("background", "value 255")
    assert [np.unique(one).tolist() for one in targets(dataset, root)] == [[0, 1]] * 10
    with pytest.raises(DataError, match=r"has the value 0, which values"):
        targets(MaskFolder(path="own", values=(7, 255)), root)


def test_named_classes_are_the_values(root: Path) -> None:
    masks(root / "own", (0, 1))
    (root / "own/classes.txt").write_text("ground\nleaf\n")
    assert ready(MaskFolder(path="own"), root).class_names == ("ground", "leaf")
    masks(root / "own", (0, 2))
    with pytest.raises(DataError, match="class 2"):
        ready(MaskFolder(path="own"), root)


def test_grey_masks_in_three_channels_are_read_and_coloured_ones_refused(root: Path) -> None:
    masks(root / "own", (0, 255))
    for file in (root / "own/masks").iterdir():
        Image.open(file).convert("RGB").save(file)
    dataset = MaskFolder(path="own", values=(0, 255))
    assert [np.unique(one).tolist() for one in targets(dataset, root)] == [[0, 1]] * 10
    Image.new("RGB", (12, 10), (255, 0, 0)).save(root / "own/masks/3.png")
    with pytest.raises(DataError, match=r"3\.png is no label map"):
        targets(dataset, root)


def test_masks_beside_their_images_end_in_mask(root: Path) -> None:
    masks(root / "own", (0, 255), mask="images/{n}_mask.png")
    assert ready(MaskFolder(path="own", values=(0, 255)), root).counts == {"train": 6, "val": 2, "test": 2}


@pytest.mark.parametrize("mask", ["masks/{n}/a.png", "masks/{n}.png"])
def test_objects_have_a_file_or_a_number_each(root: Path, mask: str) -> None:
    masks(root / "own", (0, 7), mask=mask)
    dataset = MaskFolder(path="own", task="instances")
    for n, objects in enumerate(targets(dataset, root)):
        assert np.unique(objects).tolist() == [0, NUMBERS]
        assert (objects > 0).sum() == 4 * (2 + n % 3)
    assert is_clean(audit(dataset, root))


def grouped(root: Path, file: Path, groups: dict[int, str]) -> None:
    lines = [f"../own/{n}.png,{group}" for n, group in groups.items()]
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["path,group", *lines]))


def test_groups_of_a_list_stay_in_one_split(root: Path) -> None:
    voc(root / "own", 20)
    grouped(root, root / "lists/groups.csv", {n: f"g{n // 2}" for n in range(20)})
    prepared = ready(BoxFolder(path="own", groups="lists/groups.csv", protocol="grouped"), root)
    assert prepared.table.groupby("group")["split"].nunique().max() == 1
    with pytest.raises(DataError, match=r"protocol=grouped"):
        ready(BoxFolder(path="own", groups="lists/groups.csv"), root)
    with pytest.raises(DataError, match=r"--groups"):
        ready(BoxFolder(path="own", protocol="grouped"), root)
    grouped(root, root / "lists/groups.csv", dict.fromkeys(range(19), "g"))
    with pytest.raises(DataError, match=r"1 images stand not in .*groups\.csv, e\.g\. 19\.png"):
        ready(BoxFolder(path="own", groups="lists/groups.csv", protocol="grouped"), root)


def test_images_from_elsewhere_bring_their_annotations(root: Path) -> None:
    voc(root / "own")
    voc(root / "other", 3)
    dataset = BoxFolder(path="own", external="other")
    prepared = ready(dataset, root)
    assert prepared.counts["external"] == 3
    assert all(len(boxes) == 1 for boxes in targets(dataset, root))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (MaskFolder, {"format": "coco"}),
        (MaskFolder, {"task": "instances", "values": (0, 1)}),
        (MaskFolder, {"values": (1, 1)}),
        (BoxFolder, {"shots": 3}),
    ],
)
def test_fields_that_do_not_go_together_are_refused(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs|give|is for"):
        kind(path="own", **fields)


def test_who_names_a_folder_or_takes_the_wrong_reader_is_told_the_others(root: Path) -> None:
    told = reading("cells")
    for name in ("image_folder", "box_folder", "mask_folder"):
        assert f"-o 'dataset={name}[path=cells]'" in told
    assert "box_folder" not in reading("cells.csv")
    voc(root / "own")
    with pytest.raises(DataError, match="box_folder"):
        ready(ImageFolder(path="own"), root)
