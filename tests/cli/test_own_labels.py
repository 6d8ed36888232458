"""Lists with several labels and with numbers, from audit to predictions, as docs/own_images.md says."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from made_labels import listed_digits
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.records import Store, prediction_key
from bench.records.files import weights_beside

LABELS = 'csv_images[path="digits/list.csv",task=multilabel,label_columns=[round,closed,even]]'
NUMBERS = 'csv_images[path="digits/list.csv",task=regression,label_column=value]'
METHODS = "[majority,knn,ridge,linear_probe,cladapter[bottleneck=8,k=2],lora,full_finetune]"


def invoked(*arguments: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    listed_digits(tmp_path / "data" / "digits")
    return tmp_path


@pytest.mark.parametrize(
    ("suite", "dataset", "shown"), [("own_labels", LABELS, "map"), ("own_numbers", NUMBERS, "spearman")]
)
def test_every_kind_of_method_learns_them_and_predicts(
    folder: Path, weights: Path, suite: str, dataset: str, shown: str
) -> None:
    assert "60 samples" in invoked("data", "audit", dataset, "--data", "data").output
    small = ["-o", "backbone=tiny_vit", "-o", "recipe=quick[epochs=1]", "-o", "image_size=none", "-o", "seeds=[0]"]
    ran = invoked("run", suite, "-o", f"dataset={dataset}", *small, "-o", f"methods={METHODS}", "--data", "data",
                  "--weights", weights, "--keep-weights", "-q")  # fmt: skip
    assert "failed" not in ran.output
    assert shown in invoked("table", "--format", "csv").output
    store = Store(folder / "runs")
    assert len(list(store.all())) == 7
    for record in store.all():
        _check_prediction(store, record, weights)
    rows = list(csv.DictReader(invoked("errors", "ridge", "--format", "csv").stdout.splitlines()))
    assert rows == sorted(rows, key=lambda row: -float(row["wrong"]))
    assert {"item", "true", "predicted"} <= set(rows[0])
    assert "All is well" in invoked("results", "check").output
    invoked("report", "--out", "site")
    cards = Path("site/data.html").read_text()
    assert ("regression" if suite == "own_numbers" else "multilabel") in cards
    told = invoked("predict", "linear_probe", "data/digits", "--weights", weights)
    rows = list(csv.DictReader(told.stdout.splitlines()))
    assert len(rows) == 60
    for row in rows:
        if suite == "own_numbers":
            assert -500 < float(row["predicted"]) < 500  # in the unit of the list, whose numbers reach from 0 to 91
        else:
            likely = {name for name in ("round", "closed", "even") if float(row[f"p({name})"]) > 0.5}
            assert set(filter(None, row["predicted"].split(";"))) == likely


def _check_prediction(store: Store, record: Any, weights: Path) -> None:
    """A saved model finds in the test files what its record holds."""
    model = bench.load_model(weights_beside(store.path(record.cell)), weights, "cpu")
    arrays, stage = store.predictions(record.cell), record.stages[-1].name
    name = "values" if record.task == "regression" else "logits"
    kept = arrays[prediction_key("test", name, stage)]
    files = [Path("data/digits") / str(item) for item in arrays[prediction_key("test", "ids")]]
    for expected, found in zip(kept, model.found(files), strict=True):
        assert found.outputs[name] == pytest.approx(expected, abs=2e-4), record.cell
