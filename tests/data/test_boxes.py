"""Boxes move as the images that they lie on, and flaws of annotations are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from made_dense import bccd
from PIL import Image

from bench.augmentations.released import COLUMNS
from bench.core.errors import DataError
from bench.data import Dataset, Official, Sample
from bench.data.audit.checks import audit
from bench.data.augment.batches import Preprocess
from bench.data.base import rows_of
from bench.data.formats.annotations import check_extent, flaws
from bench.data.formats.boxes import PADDING, padded, shares
from bench.data.formats.mask_folder import read_masks
from bench.data.formats.readers import box_reader
from bench.data.formats.voc import boxes_on, read_voc
from bench.data.prepare import checked_table, prepare
from bench.datasets.bccd import BCCD
from bench.plugins.recipe_files import preset

RELEASED = preset("paper").model_copy(update={"epochs": 1})
SHAPE = (3, 40, 60)


def preprocess(*forbidden: str) -> Preprocess:
    return Preprocess(RELEASED, (0, 0, 0), (1, 1, 1), SHAPE, "bilinear", torch.device("cpu"), False, forbidden)


@pytest.mark.parametrize("forbidden", [(), ("horizontal", "vertical")])
def test_boxes_move_as_their_images(forbidden: tuple[str, ...]) -> None:
    """The box around a bright rectangle, moved, is the box around the moved rectangle."""
    own, n = preprocess(*forbidden), 60
    rng = np.random.default_rng(0)
    images = np.zeros((n, *SHAPE[1:], 3), dtype=np.uint8)
    boxes = np.tile(np.array(PADDING, dtype=np.float32), (n, 2, 1))
    for number in range(n):
        left, top = rng.integers((15, 12), (30, 18))
        width, height = rng.integers(6, 12, size=2)
        images[number, top : top + height, left : left + width] = 255
        boxes[number, 0] = [left / 60, top / 40, (left + width) / 60, (top + height) / 40, 2, 0]
    draws = own.draws(0, ("augment", 0, 0), np.arange(n, dtype=np.uint64))
    draws[:, COLUMNS.index("intensity")] = 0.9
    moved, seen = own.boxes(torch.from_numpy(boxes), draws), own(torch.from_numpy(images), draws)[:, 0] > 0.5
    for number in range(n):
        rows, columns = torch.where(seen[number].any(1))[0], torch.where(seen[number].any(0))[0]
        around = [columns[0] / 60, rows[0] / 40, (columns[-1] + 1) / 60, (rows[-1] + 1) / 40]
        if moved[number, 0, 4] >= 0 and moved[number, 0, :4].min() > 0 and moved[number, 0, :4].max() < 1:
            # a turned corner covers less than half of its pixel, so the seen box may be a pixel or two smaller
            np.testing.assert_allclose(moved[number, 0, :4], torch.tensor(around), atol=2.5 / 40)
        assert moved[number, 1].tolist() == list(PADDING)
    assert (moved[:, 0, 4] == 2).float().mean() > 0.9


def test_a_box_that_leaves_the_image_becomes_padding() -> None:
    own = preprocess()
    draws = own.draws(0, ("augment", 0, 0), np.arange(1, dtype=np.uint64))
    draws[:] = 0.9  # nothing but the map below
    draws[0, COLUMNS.index("affine")], draws[0, COLUMNS.index("angle")] = 0.1, 0.5
    draws[0, COLUMNS.index("scale")] = 0.999
    corner = torch.tensor([[[0.0, 0.0, 0.05, 0.05, 1, 0], [0.5, 0.5, 0.6, 0.6, 1, 0]]])
    assert own.boxes(corner, draws)[0, :, 4].tolist() == [-1, 1]


def test_shares_are_of_the_shown_part_and_cut_there() -> None:
    boxes = np.array([[10, 20, 30, 40, 1, 0], [0, 0, 12, 25, 0, 1], [5, 5, 5, 9, 0, 0], [0, 0, 9, 9, 0, 0]])
    found = shares(boxes, [(20.0, 40.0), (10.0, 40.0)], "a")
    np.testing.assert_allclose(found, [[0, 0, 0.5, 0.5, 1, 0], [0, 0, 0.05, 0.125, 0, 1]])
    assert padded(found, 3)[2].tolist() == list(PADDING)
    with pytest.raises(DataError, match="a has a box"):
        shares(np.array([[0, 0, np.nan, 1, 0, 0]]), [(0, 1), (0, 1)], "a")


class Flawed(Dataset):
    """Four images of 20 x 10 pixels, whose boxes a test gives."""

    task = "detection"
    classes = ("a", "b")
    protocols = {"all": Official()}

    def samples(self, root: Path) -> pd.DataFrame:
        return pd.DataFrame({"id": list("wxyz"), "index": range(4), "split": ["train", "train", "val", "test"]})

    def read(self, sample: Sample) -> np.ndarray:
        return np.full((10, 20, 3), sample.index, dtype=np.uint8)

    def read_target(self, sample: Sample) -> np.ndarray:
        return np.array(BOXES[sample.id], dtype=float).reshape(-1, 6)


BOXES: dict[str, list[list[float]]] = {
    "w": [[1, 1, 5, 5, 0, 0], [3, 3, 3, 8, 1, 0]],
    "x": [[-2, 1, 5, 5, 1, 0]],
    "y": [],
    "z": [[1, 1, 4, 4, 1, 0]],
}


def test_flaws_are_named_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    report = audit(Flawed(), tmp_path)
    kinds = {problem["kind"]: problem for problem in report["problems"]}
    assert kinds["left_out"]["samples"] == ("w",)
    assert "without area" in kinds["left_out"]["detail"]
    assert kinds["outside"]["samples"] == ("x",)
    assert kinds["unannotated"]["samples"] == ("y",)
    prepared = prepare(Flawed(), tmp_path, 0)
    assert any("1 annotations are left out" in note for note in prepared.notes)
    reader = box_reader(prepared, (10, 20), RELEASED)
    first = reader.read(Sample("w", None, 0, tmp_path))
    assert first[:, 4].tolist() == [0, -1]


@pytest.mark.parametrize(
    ("box", "text"), [([1, 1, 4, 4, 2, 0], "class 2"), ([30, 1, 40, 5, 0, 0], "outside of its image")]
)
def test_fatal_flaws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, box: list[float], text: str) -> None:
    monkeypatch.setitem(BOXES, "z", [box])
    (found,) = [flaw for flaw in flaws(Flawed(), [Sample("z", None, 3, tmp_path)], 2) if flaw.fatal]
    assert text in found.detail
    assert "z" in found.detail


VOC = """<annotation><size><width>20</width><height>10</height></size>
<object><name>{name}</name><difficult>1</difficult><bndbox><xmin>{xmin}</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax>
</bndbox></object></annotation>"""


def test_voc_files(tmp_path: Path) -> None:
    file = tmp_path / "one.xml"
    file.write_text(VOC.format(name="b", xmin=3))
    found = read_voc(file, ("a", "b"))
    assert found.boxes.tolist() == [[3, 2, 9, 8, 1, 1]]
    assert found.extent == (10, 20)
    assert read_voc(file, ("a", "b"), first_pixel=1).boxes[0, :4].tolist() == [2, 1, 9, 8]
    Image.new("L", (20, 10)).save(tmp_path / "one.png")
    assert np.array_equal(boxes_on(tmp_path / "one.png", found, file), found.boxes)
    Image.new("L", (5, 5)).save(tmp_path / "one.png")
    with pytest.raises(DataError, match=r"one\.xml was written for an image of \(10, 20\), but one\.png has \(5, 5\)"):
        boxes_on(tmp_path / "one.png", found, file)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (VOC.format(name="c", xmin=3), "names the class 'c'"),
        (VOC.format(name="b", xmin="left"), "Cannot read the annotation"),
        ("<annotation><object><name>a</name></object></annotation>", "no bndbox"),
        ("not xml", "Cannot read the annotation"),
    ],
)
def test_bad_voc_files_are_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "one.xml"
    file.write_text(text)
    with pytest.raises(DataError, match=problem) as raised:
        read_voc(file, ("a", "b"))
    assert "one.xml" in str(raised.value)


@pytest.mark.parametrize("start", ['<annotation xmlns="http://a.b/voc">', "<v:annotation xmlns:v='urn:voc'>"])
def test_voc_files_with_a_namespace(tmp_path: Path, start: str) -> None:
    plain = VOC.format(name="b", xmin=3)
    if "v:" in start:
        plain = plain.replace("</", "</v:").replace("<", "<v:").replace("<v:/v:", "</v:")
    (tmp_path / "one.xml").write_text(start + plain.partition(">")[2])
    found = read_voc(tmp_path / "one.xml", ("a", "b"))
    assert found.boxes.tolist() == [[3, 2, 9, 8, 1, 1]]
    assert found.extent == (10, 20)


def test_xml_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text("<html><body/></html>")
    with pytest.raises(DataError, match=r"one\.xml.*html"):
        read_voc(tmp_path / "one.xml", ("a",))


@pytest.mark.parametrize("orientation", [3, 5, 6, 7, 8])
def test_voc_boxes_of_a_turned_photograph(root: Path, orientation: int) -> None:
    """Turned with it where sizes tell; refused where they do not."""
    bccd(root)
    dataset = BCCD()
    sample = next(iter(rows_of(dataset, checked_table(dataset, root), root)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert sample.path is not None
    pixels = np.zeros((10, 12), dtype=np.uint8)
    pixels[1:8, 2:9] = 255
    Image.fromarray(pixels).save(sample.path, exif=exif, quality=100)
    if orientation == 3:
        with pytest.raises(DataError, match="EXIF orientation 3"):
            dataset.read_target(sample)
        return
    left, top, right, bottom = dataset.read_target(sample)[0, :4].astype(int)
    expected = np.zeros((12, 10), dtype=bool)
    expected[top:bottom, left:right] = True
    assert np.array_equal(dataset.read(sample)[..., 0] > 128, expected)


def test_mask_folders(tmp_path: Path) -> None:
    for name, top in (("one", 0), ("two", 4), ("void", 10)):
        mask = np.zeros((10, 20), dtype=np.uint8)
        mask[top : top + 3] = 255
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    masks, empty = read_masks(tmp_path, (10, 20))
    assert [int(mask.sum()) for mask in masks] == [60, 60]
    assert empty == ("void.png",)
    with pytest.raises(DataError, match=r"one\.png is \(10, 20\), but its image is \(5, 5\)"):
        read_masks(tmp_path, (5, 5))
    with pytest.raises(DataError, match="are missing"):
        read_masks(tmp_path / "nowhere", (5, 5))
    with pytest.raises(DataError, match="EXIF"):
        read_masks(tmp_path, (20, 10))


def test_a_label_map_whose_sides_are_exchanged_names_exif() -> None:
    with pytest.raises(DataError, match="EXIF"):
        check_extent(np.zeros((10, 20)), (20, 10), "a")
    with pytest.raises(DataError) as raised:
        check_extent(np.zeros((10, 20)), (20, 20), "a")
    assert "EXIF" not in str(raised.value)
