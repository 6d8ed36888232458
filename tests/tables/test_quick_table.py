"""A small suite on the embedded data: every number of its table, once more from the stored predictions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recomputed import recomputed

import bench
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.tasks.classification import Classification

pytestmark = pytest.mark.slow

METHODS = ("majority", "knn", "linear_probe", "cladapter[k=5]")
CELLS = [f"digits[shots=20]/pico[size=32]/{name}/quick[epochs=1]/seed={seed}" for name in METHODS for seed in (0, 1)]
METRICS = [metric.name for metric in Classification.metrics]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    outcome = carry_out(CELLS, Settings(results=folder, device="cpu", quiet=True))
    assert outcome.failed == {}
    return folder


def test_every_number_of_the_table_follows_from_the_stored_predictions(results: Path) -> None:
    rows = json.loads(bench.table(results=results, metrics=[*METRICS, "n"], stages=True).text("json"))
    expected = recomputed(results)
    assert len(rows) == len(expected) == 5  # the staged method has two
    for row in rows:
        name = "/".join(row[part] for part in ("dataset", "backbone", "method", "recipe"))
        numbers = expected[name, row["stage"]]
        assert (row["seeds"], row["n"]) == (numbers["seeds"], numbers["n"])
        for metric in METRICS:
            assert row[metric]["mean"] == pytest.approx(numbers[metric], abs=1e-7), (name, metric)
            assert row[metric]["low"] is None or row[metric]["low"] <= row[metric]["mean"] <= row[metric]["high"]


def test_marks_follow_from_the_means(results: Path) -> None:
    means = {name: numbers["accuracy"] for name, numbers in recomputed(results).items()}
    trivial_baselines = {name.split("/")[2]: mean for (name, _), mean in means.items()}
    for row in json.loads(bench.table(results=results, stages=True).text("json")):
        mean = row["accuracy"]["mean"]
        assert ("below majority" in row["warnings"]) == (mean < trivial_baselines["majority"])
        if row["method"] not in ("majority", "knn"):
            assert ("below knn" in row["warnings"]) == (mean < trivial_baselines["knn"])
        assert not [note for note in row["notes"] if note.startswith("stale")]
