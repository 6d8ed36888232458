"""`bench errors`: items, classes and domains, each counted by hand."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from made_records import Arrays, done
from photographs import photographs
from PIL import Image
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.core.errors import BenchError, UsageError
from bench.data.audit.contact_sheet import COLUMNS, GAP, LINE, SIDE
from bench.records import Store
from bench.tables.errors import errors

CELL = "pets/pico/linear_probe/quick/seed={}"
IDS = np.array(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
TARGETS = np.array([0, 1, 2, 2])


def run(seed: int, predicted: list[int], sure: float = 2.0, **arrays: np.ndarray) -> tuple[object, Arrays]:
    """A run on four items of four classes, the last of which has none."""
    record, _ = done(CELL.format(seed), n=4)
    logits = sure * np.eye(4, dtype=np.float32)[predicted]
    named = {"test/ids": IDS, "test/targets": TARGETS, "stage1/test/logits": logits}
    return record, {**named, "class_names": np.array(["cat", "dog", "fox", "owl"]), **arrays}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    features = {"test": np.eye(4), "train": np.array([[1, 0, 0, 0], [0, 1, 0.1, 0], [0, 1, 0, 0], [1, 1, 1, 1.0]])}
    kept = {f"stage1/{split}/features": array.astype(np.float16) for split, array in features.items()}
    kept |= {"train/ids": np.array(["t0", "t1", "t2", "t3"]), "train/targets": np.array([0, 1, 2, 3])}
    domains = {"test/domain": np.array(["photo", "photo", "sketch", "sketch"])}
    store.put(*run(0, [0, 2, 2, 0], **kept, **domains))  # type: ignore[arg-type]
    store.put(*run(1, [0, 2, 2, 2], sure=4.0, **domains))  # type: ignore[arg-type]
    return store


def test_items_that_some_run_got_wrong_the_surest_first(store: Store) -> None:
    found = errors(store, list(store.all()), "linear_probe")
    first, second = found.mistakes
    sure, surer = (math.exp(logit) / (math.exp(logit) + 3) for logit in (2, 4))
    assert (first.id, first.true, first.predicted, first.wrong, first.runs) == ("b.jpg", "dog", "fox", 2, 2)
    assert first.confidence == pytest.approx((sure + surer) / 2)
    assert first.of_true == pytest.approx(((1 - sure) / 3 + (1 - surer) / 3) / 2)
    assert (second.id, second.true, second.predicted, second.wrong) == ("d.jpg", "fox", "cat", 1)
    assert [(n.id, n.name) for n in first.neighbours] == [("t2", "fox"), ("t1", "dog"), ("t3", "owl")]
    assert first.neighbours[0].cosine == pytest.approx(1)
    assert found.confusions() == [("dog", "fox", 2), ("fox", "cat", 1)]


def test_classes_and_domains(store: Store) -> None:
    found = errors(store, list(store.all()), "linear_probe")
    cat, dog, fox, owl = found.classes
    assert (cat.items, cat.recall, cat.precision) == (2, 1.0, 2 / 3)
    assert (dog.items, dog.recall, dog.f1) == (2, 0.0, 0.0)
    assert (fox.recall, fox.precision, fox.f1) == (3 / 4, 3 / 5, 2 * 3 / 9)
    assert owl.items == 0
    assert np.isnan([owl.recall, owl.precision, owl.f1]).all()
    photo, sketch = found.domains
    assert (photo.name, photo.items, photo.metrics["accuracy"]) == ("photo", 2, 0.5)
    assert (sketch.name, sketch.metrics["accuracy"]) == ("sketch", 0.75)


def test_without_features_or_errors(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(*run(0, TARGETS.tolist()))  # type: ignore[arg-type]
    found = errors(store, list(store.all()), "linear_probe")
    assert (found.mistakes, found.kept, found.domains) == ((), False, ())
    with pytest.raises(UsageError, match="names no finished row"):
        errors(store, [], "linear_probe")
    with pytest.raises(UsageError, match="--split test"):
        errors(store, list(store.all()), "linear_probe", "val")


def shown(store: Store, *options: str) -> str:
    result = CliRunner().invoke(app, ["errors", "linear_probe", "--results", str(store.folder), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_format_says_the_same(store: Store) -> None:
    text = shown(store)
    assert "3 of 8 test items wrong, 2 runs" in text
    assert "b.jpg   dog     fox" in text
    assert "t2 (fox), t1 (dog), t3 (owl)" in text
    assert "1 more items are wrong" in shown(store, "--shown", "1")
    assert "| b.jpg  | dog" in shown(store, "--format", "md")
    assert r"\begin{tabular}" in shown(store, "--format", "latex")
    rows = list(csv.DictReader(shown(store, "--format", "csv").splitlines()))
    assert next((row["item"], row["wrong"], row["nearest"]) for row in rows) == ("b.jpg", "2", "t2 t1 t3")
    whole = json.loads(shown(store, "--format", "json"))
    assert (whole["confusion"][1], whole["items"]) == ([0, 0, 2, 0], 8)


def test_own_photographs_show_their_files_and_class_names(weights: Path, tmp_path: Path) -> None:
    photographs(tmp_path / "data" / "places", 10, 0)
    cell = "image_folder[path=places]/tiny_vit/majority/quick/seed=0"
    options = dict(data=tmp_path / "data", weights=weights, quiet=True, keep_features=True)
    bench.run(cell, results=tmp_path / "runs", **options)  # type: ignore[arg-type]
    asked = ["errors", "majority", "--results", str(tmp_path / "runs"), "--data", str(tmp_path / "data")]
    text = CliRunner().invoke(app, asked).stdout
    assert f"files lie below {tmp_path / 'data' / 'places'}" in text
    assert "pagoda/IMG_00" in text
    assert "nearest training" in text


def test_a_sheet_shows_the_wrong_images(weights: Path, tmp_path: Path) -> None:
    """Five beside each other; the first place holds the surest mistake, made small."""
    photographs(tmp_path / "data" / "places", 10, 0)
    cell = "image_folder[path=places]/tiny_vit/majority/quick/seed=0"
    options = dict(data=tmp_path / "data", weights=weights, quiet=True)
    bench.run(cell, results=tmp_path / "runs", **options)  # type: ignore[arg-type]
    file = tmp_path / "errors.png"
    found = bench.errors("majority", results=tmp_path / "runs", data=tmp_path / "data", shown=7, sheet=file)
    number = min(len(found.mistakes), 7)  # type: ignore[union-attr]
    with Image.open(file) as sheet, Image.open(found.folder / found.mistakes[0].id) as first:  # type: ignore[union-attr,operator]
        assert sheet.width == min(number, COLUMNS) * (SIDE + GAP) + GAP
        assert sheet.height == -(-number // COLUMNS) * (SIDE + 3 * LINE + GAP) + GAP
        first.thumbnail((SIDE, SIDE))
        left, top = GAP + (SIDE - first.width) // 2, GAP + SIDE - first.height
        drawn = np.asarray(sheet.crop((left, top, left + first.width, top + first.height)).convert("RGB"))
        np.testing.assert_array_equal(drawn, np.asarray(first.convert("RGB")))


def test_a_sheet_of_data_that_are_not_here_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BenchError):
        bench.errors("linear_probe", results=store, sheet=tmp_path / "errors.png")
    assert not (tmp_path / "errors.png").exists()
