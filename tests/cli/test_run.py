"""`bench run` from the outside: what runs and what does not, one's own baseline, and every wrong request."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_images import class_folders
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file
from typer.testing import CliRunner, Result

from bench.backbones.local import local_weights
from bench.cli.app import app
from bench.records import Store

pytestmark = pytest.mark.slow

FLOORS = "digits/pico/{}/quick/seed={}"
OWN = '''"""A baseline of fifteen lines."""
from torch import nn

from bench.methods import HeadSpec, Method, PooledLinear


class OwnProbe(Method):
    """Linear probe behind a normalisation."""

    def head(self, spec: HeadSpec) -> nn.Module:
        head = PooledLinear(spec.features.pooled_dim, spec.outputs)
        nn.init.zeros_(head.fc.weight)
        return head
'''


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run(*arguments: str | Path) -> dict[str, Any]:
    result = invoke("run", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_only_what_is_missing_runs(tmp_path: Path) -> None:
    suite = tmp_path / "baselines.py"
    suite.write_text(
        '"""Two."""\ndataset = "digits"\nbackbone = "pico"\nrecipe = "quick"\nmethods = ["majority", "knn"]\n'
    )
    results = tmp_path / "runs"
    plan = json.loads(invoke("run", suite, "--results", results, "--dry-run", "--json").stdout)
    assert [cell["reason"] for cell in plan["cells"]] == ["missing", "missing"]
    assert not results.exists()
    first = run(suite, "--results", results)
    assert (first["ran"], first["up_to_date"]) == (2, 0)
    again = invoke("run", suite, "--results", results)
    assert "Nothing to do: all 2 cells are up to date" in again.stderr
    more = run(suite, "-o", "seeds=[0,1]", "--results", results)
    assert (more["ran"], more["up_to_date"]) == (2, 2)
    assert [row["seeds"] for row in more["table"]] == [2, 2]


def test_a_baseline_of_fifteen_lines(tmp_path: Path, plugin_folder: Path) -> None:
    assert len(OWN.splitlines()) <= 15
    (plugin_folder / "own_probe.py").write_text(OWN)
    cell = "digits/pico/own_probe/quick[epochs=2]/seed=0"
    outcome = run(cell, FLOORS.format("majority", 0), "--results", tmp_path / "runs", "--plugins", plugin_folder)
    own = next(row for row in outcome["table"] if row["method"] == "own_probe")
    trivial_baseline = next(row for row in outcome["table"] if row["method"] == "majority")
    assert own["accuracy"]["mean"] > trivial_baseline["accuracy"]["mean"] + 0.2
    record = Store(tmp_path / "runs").get(cell)
    assert record is not None
    assert record.stages[0].epochs == 2
    shown = invoke("table", "own_probe", "--results", tmp_path / "runs", "--format", "md", "--plugins", plugin_folder)
    assert "own_probe" in shown.stdout


def test_a_changed_baseline_runs_again(tmp_path: Path, plugin_folder: Path) -> None:
    text = "from bench.baselines.knn import KNN\n\n\nclass Near(KNN):\n    '''Mine.'''\n"
    (plugin_folder / "near.py").write_text(text)
    arguments = [FLOORS.format("near", 0), "--results", tmp_path / "runs", "--plugins", plugin_folder]
    assert run(*arguments)["ran"] == 1
    (plugin_folder / "near.py").write_text(text + "\n    # a comment changes nothing\n")
    assert run(*arguments)["ran"] == 0
    (plugin_folder / "near.py").write_text(text + "\n    families = ('cnn',)\n")
    plan = json.loads(invoke("run", *arguments, "--dry-run", "--json").stdout)
    assert plan["cells"][0]["reason"] == "stale: method changed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["digit/pico/knn/quick/seed=0"], "'digits'"),
        (["digits/pico/kn/quick/seed=0"], "'knn'"),
        (["digits/resnet1/knn/quick/seed=0"], "'resnet1"),
        (["digits/pico/knn/quik/seed=0"], "'quick'"),
        (["digits/pico/knn[k=many]/quick/seed=0"], "knn[k]"),
        (["digits/pico/knn[k=0]/quick/seed=0"], "knn[k]"),
        (["digits/pico/knn/quick[lr=-1]/seed=0"], "quick[lr]"),
        (["digits/pico/knn/quick/seed=x"], "seed"),
        (["quik"], "'quick'"),
        (["quick", "-o", "epocs=3"], "'epochs'"),
        (["quick", "-o", "epochs"], "key=value"),
        (["digits/pico/knn/quick/seed=0", "-o", "epochs=3"], "cell's name"),
        (["pacs/pico/knn/quick/seed=0"], "no data at"),
        (["digits/pico/knn/quick/seed=0", "--device", "cuda:77"], "--device"),
        (["digits/pico/knn/quick/seed=0", "--device", "abacus"], "--device"),
        (["digits/pico/knn/quick/seed=0", "--executor", "inlin"], "'inline'"),
        (["digits/pico/knn/quick/seed=0", "--data", "/nowhere"], "--data"),
        (["digits/pico/knn/quick/seed=0", "--weights", "/nowhere"], "--weights"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str) -> None:
    monkeypatch.delenv("BENCH_DATA", raising=False)
    refused(tmp_path / "runs", told, *arguments)


def refused(results: Path, told: str, *arguments: str | Path) -> None:
    """The request ends in exit code 2 and one or two lines that say the fix; nothing is written."""
    result = invoke("run", *arguments, "--results", results)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert not list(results.rglob("*.json"))


def test_results_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused(tmp_path / "file" / "runs", "--results", FLOORS.format("majority", 0))


def test_a_corrupt_image_is_named(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(8):
            pixels = np.random.default_rng([number, len(label), label == "cat"]).integers(0, 255, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    bad = tmp_path / "data" / "cat" / "3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    refused(tmp_path / "runs", "3.png", "image_folder[path=data]/pico/knn/quick/seed=0", "--data", tmp_path)


def test_weights_of_another_architecture(tmp_path: Path) -> None:
    with safe_open(str(local_weights(None)["pico"]), framework="numpy") as file:
        meta, arrays = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(arrays, tmp_path / "wrong.safetensors", {**meta, "timm_arch": "resnet18"})
    refused(tmp_path / "runs", "resnet18", "digits/wrong/knn/quick/seed=0", "--weights", tmp_path)


def test_a_failed_cell_is_told_and_kept(tmp_path: Path, plugin_folder: Path) -> None:
    (plugin_folder / "failing.py").write_text(
        "from bench.methods import FeatureMethod\n\n\nclass Failing(FeatureMethod):\n    '''Fails.'''\n\n"
        "    def fit(self, train, val, classes):\n        raise ValueError('out of ideas')\n"
    )
    cells = [FLOORS.format(method, 0) for method in ("failing", "majority")]
    result = invoke("run", *cells, "--results", tmp_path / "runs", "--plugins", plugin_folder)
    assert result.exit_code == 1
    store = Store(tmp_path / "runs")
    failure = store.failure(cells[0])
    assert failure is not None
    assert failure.error is not None
    assert "out of ideas" in failure.error.message
    assert store.get(cells[1]) is not None
    assert "failed 1/1" in result.stdout


def test_an_interruption_leaves_whole_records(tmp_path: Path) -> None:
    results = tmp_path / "runs"
    program = [sys.executable, "-c", "from bench.cli.app import main; main()"]
    cells = [
        f"digits[shots=5]/pico/{method}/quick/seed={i}" for method in ("majority", "full_finetune") for i in (0, 1)
    ]
    command = [*program, "run", *cells, "--results", str(results)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(results.rglob("seed=*.json")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate()[1]
    assert process.returncode == 130, stderr
    assert stderr.strip().splitlines()[-1].startswith("bench: stopped.")
    assert "Traceback" not in stderr
    records = list(Store(results).all())
    assert 0 < len(records) < len(cells)
    for record in records:
        assert record.status == "done"
        assert Store(results).predictions(record.cell)
    shutil.rmtree(results)


def test_a_class_without_training_images_needs_partial_and_is_marked(tmp_path: Path) -> None:
    class_folders(tmp_path / "own" / "train", classes=2)
    class_folders(tmp_path / "own" / "test", classes=3, height=9)
    cell = "image_folder[protocol=split_without_val,shots=3,path=own]/pico/majority/quick/seed=0"
    arguments = [cell, "--data", tmp_path, "--results", tmp_path / "runs"]
    refused = invoke("run", *arguments)
    assert refused.exit_code == 2
    assert "no training sample of 1 class(es): c2" in refused.stderr
    (row,) = run(*arguments, "--partial")["table"]
    assert "untrained classes" in row["warnings"]
    (record,) = Store(tmp_path / "runs").all()
    assert record.flags.absent_classes == {"train": [2]}


def test_weights_that_do_not_say_their_data_are_marked(tmp_path: Path) -> None:
    with safe_open(str(local_weights(None)["pico"]), framework="numpy") as file:
        meta, arrays = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    del meta["trained_on"]
    save_file(arrays, tmp_path / "silent.safetensors", meta)
    for name, unknown in (("silent", True), ("pico", False)):
        cell = f"digits[shots=2]/{name}/majority/quick/seed=0"
        (row,) = run(cell, "--weights", tmp_path, "--results", tmp_path / name)["table"]
        assert ("overlap unknown" in row["warnings"]) == unknown
