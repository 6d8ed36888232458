"""`bench predict`: new files to a CSV, and what cannot be read is said."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from photographs import photographs
from safetensors.torch import load_file
from typer.testing import CliRunner

from bench.baselines.cladapter import CLAdapterHead
from bench.cli.app import app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> list[str]:
    """Options that find a run of 50 photographs with its weights kept, and a folder of ten new ones."""
    root = tmp_path_factory.mktemp("world")
    photographs(root / "data" / "places", 10, 0)
    photographs(root / "new", 2, 1, in_classes=False)
    cells = [
        f"image_folder[path=places]/tiny_vit/{method}/quick[epochs=1]/seed=0"
        for method in ("linear_probe", "cladapter[bottleneck=8,k=2]")
    ]
    options = ["--results", str(root / "runs"), "--weights", str(weights)]
    ran = CliRunner().invoke(app, ["run", *cells, *options, "--data", str(root / "data"), "-q", "--keep-weights"])
    assert ran.exit_code == 0, ran.output
    return [str(root), *options]


def test_each_file_has_a_line_of_probabilities(world: list[str]) -> None:
    root, *options = world
    result = CliRunner().invoke(app, ["predict", "linear_probe", f"{root}/new", *options])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["file"] for row in rows] == sorted(f"IMG_{number:04d}.jpg" for number in range(1, 11))
    for row in rows:
        shares = {name: float(row[f"p({name})"]) for name in ("flower", "pagoda", "sky", "trees", "water")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["predicted"] == max(shares, key=lambda name: shares[name])
        assert float(row["confidence"]) == max(shares.values())
    assert "10 files, 0 could not be read." in result.stderr


def test_what_cannot_be_read_is_named_and_the_others_are_there(world: list[str], tmp_path: Path) -> None:
    _, *options = world
    photographs(tmp_path / "new", 1, 2, in_classes=False)
    (tmp_path / "new" / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    (tmp_path / "new" / "notes.txt").write_text("seen on Tuesday")
    out = tmp_path / "found.csv"
    result = CliRunner().invoke(app, ["predict", "linear_probe", str(tmp_path / "new"), "--out", str(out), *options])
    assert result.exit_code == 1
    assert "Left out, being no images: notes.txt" in result.stderr
    assert "6 files, 1 could not be read: broken.jpg." in result.stderr
    rows = {row["file"]: row for row in csv.DictReader(out.read_text().splitlines())}
    assert len(rows) == 6
    assert rows["broken.jpg"]["predicted"] == ""
    assert "Cannot read the image" in rows["broken.jpg"]["problem"]


def test_a_run_must_be_named_and_kept(world: list[str], tmp_path: Path) -> None:
    root, *options = world
    for cell, said in [
        ("tiny_vit", "names 2 finished runs"),
        ("nobody", "No record matches"),
        (f"{root}/new/IMG_0001.safetensors", "There are no kept weights"),
    ]:
        result = CliRunner().invoke(app, ["predict", cell, f"{root}/new", *options])
        assert result.exit_code == 2
        assert said in result.output
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["predict", "linear_probe", str(tmp_path / "empty"), *options])
    assert (result.exit_code, "holds no images" in result.output) == (2, True)


def test_a_head_is_written_in_the_released_naming(world: list[str], tmp_path: Path) -> None:
    _, *options = world
    out = tmp_path / "released.safetensors"
    result = CliRunner().invoke(app, ["weights", "export", "cladapter", str(out), *options])
    assert result.exit_code == 0, result.output
    assert CLAdapterHead.from_reference(load_file(out)).classifier.fc.out_features == 5
    refused = CliRunner().invoke(app, ["weights", "export", "linear_probe", str(out), *options])
    assert (refused.exit_code, "no released naming" in refused.output) == (2, True)
