"""Test data from elsewhere: a split of their own, which no rule sees, opened with the test split and never before."""

from __future__ import annotations

import csv
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from made_images import class_folders, picture
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.core.errors import DataError, MissingData
from bench.data.base import rows_of
from bench.data.prepare import prepare
from bench.datasets.csv_images import CsvImages
from bench.datasets.image_folder import ImageFolder
from bench.records import Store
from bench.records.evaluation_log import read


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes with 10 images each, and 3 of each from elsewhere."""
    class_folders(tmp_path / "own", each=10)
    for label in range(2):
        for number in range(3):
            picture(tmp_path / "elsewhere" / f"c{label}" / f"{number}.png", 9000 + 10 * label + number)
    return tmp_path


def test_a_folder_from_elsewhere_is_a_split_that_no_rule_sees(data: Path) -> None:
    alone = prepare(ImageFolder(path="own"), data, 0)
    both = prepare(ImageFolder(path="own", external="elsewhere"), data, 0)
    assert both.counts == {**alone.counts, "external": 6}
    own = both.table[both.table["split"] != "external"]
    assert own["split"].tolist() == alone.table["split"].tolist()
    assert both.identity != alone.identity
    for sample in rows_of(both.dataset, both.table.iloc[both.rows("external")], data):
        assert sample.path is not None
        assert sample.path.resolve().is_relative_to(data / "elsewhere")


def test_it_is_found_from_behind_a_link_too(data: Path) -> None:
    (data / "deep" / "down").mkdir(parents=True)
    (data / "deep" / "down" / "link").symlink_to(data / "own")
    prepared = prepare(ImageFolder(path="deep/down/link", external=str(data / "elsewhere")), data, 0)
    assert prepared.counts["external"] == 6


def test_a_list_from_elsewhere_keeps_groups_and_domains(data: Path) -> None:
    def listed(name: str, folder: str, groups: bool) -> None:
        with (data / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "domain", *(["group"] if groups else [])])
            for number, path in enumerate(sorted((data / folder).rglob("*.png"))):
                row = [path.relative_to(data), path.parent.name, folder]
                writer.writerow([*row, *([f"p{number // 2}"] if groups else [])])

    listed("own.csv", "own", groups=True)
    listed("elsewhere.csv", "elsewhere", groups=False)
    prepared = prepare(CsvImages(path="own.csv", protocol="grouped", external="elsewhere.csv"), data, 0)
    external = prepared.table.iloc[prepared.rows("external")]
    assert (len(external), set(external["domain"])) == (6, {"elsewhere"})
    assert external["group"].tolist() == external["id"].tolist()  # each its own
    assert prepared.table["group"].nunique() == 10 + 6


def test_what_does_not_belong_is_told(data: Path) -> None:
    with pytest.raises(MissingData, match="Change external"):
        prepare(ImageFolder(path="own", external="nowhere"), data, 0)
    copy(data / "own" / "c0" / "0.png", data / "elsewhere" / "c0" / "same.png")
    with pytest.raises(DataError, match=r"1 duplicate\(s\) in several splits"):
        prepare(ImageFolder(path="own", external="elsewhere"), data, 0)
    picture(data / "elsewhere" / "c7" / "0.png", 1)
    with pytest.raises(DataError, match="has the folder c7, which is no class"):
        prepare(ImageFolder(path="own", external="elsewhere"), data, 0)


CELL = "image_folder[path=own,external=elsewhere]/tiny_vit/{}/quick[epochs=1]/seed=0"


def test_it_stays_shut_until_the_test_split_is_opened(data: Path, weights: Path) -> None:
    options = ["--data", str(data), "--weights", str(weights), "--results", str(data / "runs")]
    cells = [CELL.format("linear_probe"), CELL.format("knn")]
    shut = CliRunner().invoke(app, ["run", *cells, *options, "--val-only"])
    assert shut.exit_code == 0, shut.output
    store = Store(data / "runs")
    assert {tuple(record.metrics) for record in store.all()} == {("val",)}
    assert not [name for record in store.all() for name in store.predictions(record.cell) if "external" in name]
    opened = CliRunner().invoke(app, ["run", *cells, *options])
    assert "On the external test data" in opened.stdout
    assert {tuple(sorted(record.metrics)) for record in store.all()} == {("external", "test", "val")}
    assert len(list(read(data / "runs"))) == 2  # one look a cell, at both
    table = CliRunner().invoke(app, ["table", "--results", str(data / "runs"), "--format", "md"]).stdout
    assert table.count("| linear_probe") == 2


def test_numbers_on_it_are_those_of_its_images(data: Path, weights: Path) -> None:
    bench.run(CELL.format("knn"), results=data / "runs", data=data, weights=weights, quiet=True)
    store = Store(data / "runs")
    (record,) = store.all()
    arrays = store.predictions(record.cell)
    hits = arrays["fit/external/logits"].argmax(1) == arrays["external/targets"]
    assert record.metrics["external"]["accuracy"] == pytest.approx(float(np.mean(hits)))
    assert record.n["external"] == 6
    assert all("elsewhere/" in name for name in arrays["external/ids"])
