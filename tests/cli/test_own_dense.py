"""A folder of images with boxes, and one with masks, from audit to predictions, as docs/own_images.md says."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data.base import rows_of
from bench.datasets.box_folder import BoxFolder
from bench.datasets.digits_boxes import DigitsBoxes
from bench.datasets.digits_scene import DigitsScene

OBJECT = "<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
SIDE = "<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"


def invoked(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty scenes of digits with VOC files in data/boxes, with masks in data/masks, and four new ones in new/."""
    monkeypatch.chdir(tmp_path)
    for dataset in (DigitsBoxes(), DigitsScene()):
        table = dataset.samples(tmp_path).head(34)
        for number, sample in enumerate(rows_of(dataset, table, tmp_path)):
            image, target = Image.fromarray(dataset.read(sample)), dataset.read_target(sample)
            if number >= 30:
                _saved(image, tmp_path / f"new/{number}.png")
            elif isinstance(dataset, DigitsBoxes):
                _saved(image, tmp_path / f"data/boxes/{number}.png")
                text = "".join(OBJECT.format(name=f"digit {box[4]:.0f}", corners=SIDE.format(*box)) for box in target)
                (tmp_path / f"data/boxes/{number}.xml").write_text(f"<annotation>{text}</annotation>")
            else:
                _saved(image, tmp_path / f"data/masks/images/{number}.png")
                _saved(Image.fromarray((target > 0) * np.uint8(255)), tmp_path / f"data/masks/masks/{number}.png")
    return tmp_path


def _saved(image: Image.Image, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


def test_boxes_from_audit_to_predictions(folder: Path, weights: Path) -> None:
    name = "box_folder[path=boxes]"
    assert "30 samples" in invoked("data", "audit", name, "--data", "data").output
    cell = f"{name}/tiny_vit/typical_objects/quick/seed=0"
    invoked("run", cell, "--data", "data", "--weights", weights, "--keep-weights", "-q")
    assert "ap50" in invoked("table").output
    wrong = invoked("errors", "typical_objects", "--data", "data", "--files", "worst", "--shown", "2").output
    assert "by class" in wrong
    assert "by size" in wrong
    assert len(list((folder / "worst").glob("*.png"))) == 2
    assert json.loads(invoked("errors", "typical_objects", "--format", "json").stdout)["items"]
    told = invoked("predict", "typical_objects", "new", "--files", "found", "--weights", weights)
    rows = list(csv.DictReader(told.stdout.splitlines()))
    assert {row["file"] for row in rows} == {f"{number}.png" for number in range(30, 34)}
    assert {row["class"] for row in rows} <= {f"digit {number}" for number in range(5)}
    content = json.loads((folder / "found/predictions.json").read_text())
    assert len(content["annotations"]) == len(rows)
    with Image.open(folder / "found/30.boxes.png") as drawn:
        assert drawn.size == (64, 64)
    for file in (folder / "new").iterdir():  # what was found is a data set that can be read and corrected
        (folder / "found" / file.name).write_bytes(file.read_bytes())
    for drawn_file in (folder / "found").glob("*.boxes.png"):
        drawn_file.unlink()
    found = BoxFolder(path=str(folder / "found"), format="coco")
    samples = rows_of(found, found.samples(folder), folder)
    assert sum(len(found.read_target(sample)) for sample in samples) == len(rows)


def test_masks_from_audit_to_predictions(folder: Path, weights: Path) -> None:
    name = "mask_folder[path=masks,values=[0,255]]"
    assert "No problems" in invoked("data", "audit", name, "--data", "data").output
    invoked("run", f"{name}/tiny_vit/majority_pixel/quick/seed=0", "--data", "data", "--weights", weights,
            "--keep-weights", "-q")  # fmt: skip
    invoked("errors", "majority_pixel", "--data", "data", "--files", "worst", "--shown", "1")
    (file,) = (folder / "worst").glob("*.png")
    with Image.open(file) as both:
        assert both.size == (64 + 4 + 64, 64)
    told = invoked("predict", "majority_pixel", "new", "--files", "found", "--weights", weights)
    rows = list(csv.DictReader(told.stdout.splitlines()))
    assert [float(row["share(background)"]) for row in rows] == [1, 1, 1, 1]
    with Image.open(folder / "found/30.mask.png") as mask:
        assert np.asarray(mask).shape == (64, 64)
        assert not np.asarray(mask).any()


def test_classes_have_no_files_beside_their_table(folder: Path, weights: Path) -> None:
    for number in range(20):
        _saved(Image.open(folder / f"data/boxes/{number}.png"), folder / f"data/kinds/{number % 2}/{number}.png")
    invoked("run", "image_folder[path=kinds]/tiny_vit/majority/quick/seed=0", "--data", "data", "--weights", weights,
            "--keep-weights", "-q")  # fmt: skip
    refused = invoked("predict", "majority", "new", "--files", "found", "--weights", weights, code=2)
    assert "Leave --files out" in refused.output
    refused = invoked("errors", "majority", "--files", "worst", code=2)
    assert "Leave --files out" in refused.output
