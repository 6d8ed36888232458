"""A submission is recomputed from its predictions: what does not hold together is refused, by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_results import fill, finished, grid
from typer.testing import CliRunner

from bench.cli.app import app
from bench.core.atomic import DiskFull
from bench.pages.submission import check, take_in
from bench.records import Record, Store, prediction_key
from bench.records.items import groups_packed
from bench.records.review_status import read

LORA, VPT = "digits/pico/lora/quick/seed=0", "digits/pico/vpt/quick/seed=0"
Arrays = dict[str, np.ndarray]


def current(record: Record) -> Record:
    """With the fingerprints of the code that is here, which made records do not have."""
    from bench.cells import recipes
    from bench.cells.notation import Spec
    from bench.core.numerics import ENGINE_VERSION
    from bench.plugins import recipe_files, registry
    from bench.plugins.fingerprint import code_identity

    recipe = recipe_files.resolve(Spec.parse(record.cell.split("/")[3]))
    found = {
        "method": code_identity(registry.find("baselines", record.method.name).path),
        "task": code_identity(registry.find("tasks", record.task).path),
        "recipe": recipes.fingerprint(recipe, "recipe"),
        "engine": str(ENGINE_VERSION),
        "data": "d1",
    }
    return record.model_copy(update={"fingerprints": found})


def submit(
    folder: Path, *cells: str, change: Callable[[Record, Arrays], Record] = lambda record, arrays: record
) -> None:
    for name in cells:
        record, arrays = finished(name)
        Store(folder).put(change(current(record), arrays), arrays)


def kinds(folder: Path, results: Path | None = None) -> set[str]:
    return {finding.kind for finding in check(folder, results).findings if finding.level == "error"}


def test_an_honest_submission_passes(tmp_path: Path) -> None:
    submit(tmp_path, *grid(methods=["majority", "knn", "lora", "vpt"], seeds=2))
    found = check(tmp_path)
    assert found.accepted, found.findings
    assert (found.records, found.metrics) == (8, 8 * 9)


def test_a_better_metric_is_noticed(tmp_path: Path) -> None:
    def improve(record: Record, arrays: Arrays) -> Record:
        stage = record.stages[0]
        metrics = {"test": {**stage.metrics["test"], "accuracy": stage.metrics["test"]["accuracy"] + 0.001}}  # type: ignore[operator]
        return record.model_copy(update={"stages": [stage.model_copy(update={"metrics": metrics})], "metrics": metrics})

    submit(tmp_path, LORA, change=improve)
    (finding,) = check(tmp_path).findings
    assert finding.kind == "metric"
    assert "accuracy is" in finding.text


def test_half_precision_predictions_pass(tmp_path: Path) -> None:
    def halve(record: Record, arrays: Arrays) -> Record:
        key = prediction_key("test", "logits", "stage1")
        arrays[key] = arrays[key].astype(np.float16)
        return record

    submit(tmp_path, LORA, change=halve)
    assert {finding.text.split(":")[1].split()[0] for finding in check(tmp_path).findings} <= {"nll", "ece", "auc"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda ids, targets: ids.__setitem__(1, ids[0]), "ids"),
        (lambda ids, targets: targets.__setitem__(0, (targets[0] + 1) % 7), "targets"),
    ],
)
def test_ids_and_targets_are_compared(
    tmp_path: Path, change: Callable[[np.ndarray, np.ndarray], None], kind: str
) -> None:
    submit(tmp_path / "known", VPT)

    def alter(record: Record, arrays: Arrays) -> Record:
        change(arrays[prediction_key("test", "ids")], arrays[prediction_key("test", "targets")])
        return record

    submit(tmp_path / "new", LORA, change=alter)
    assert kind in kinds(tmp_path / "new", tmp_path / "known")


def test_other_data_and_other_code_are_noticed(tmp_path: Path) -> None:
    submit(tmp_path / "known", VPT)
    for name in ("data", "method"):

        def alter(record: Record, arrays: Arrays, name: str = name) -> Record:
            return record.model_copy(update={"fingerprints": {**record.fingerprints, name: "other"}})

        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        submit(tmp_path / "new", LORA, change=alter)
        assert kinds(tmp_path / "new", tmp_path / "known") == {"fingerprint"}


def test_predictions_of_another_method_are_noticed(tmp_path: Path) -> None:
    submit(tmp_path / "known", VPT)
    _, stolen = finished(VPT)

    def steal(record: Record, arrays: Arrays) -> Record:
        arrays.update(stolen)
        vpt = finished(VPT)[0]
        return record.model_copy(update={"stages": vpt.stages, "metrics": vpt.metrics})

    submit(tmp_path / "new", LORA, change=steal)
    (finding,) = check(tmp_path / "new", tmp_path / "known").findings
    assert finding.kind == "duplicate"
    assert VPT in finding.text


def test_altered_predictions_and_moved_records_are_named(tmp_path: Path) -> None:
    submit(tmp_path, LORA, VPT)
    store = Store(tmp_path)
    _, arrays = store.pair(LORA)
    np.savez(
        store.path(LORA).with_suffix(".npz"), **{**arrays, prediction_key("test", "ids"): arrays["test/ids"][::-1]}
    )
    moved = store.path(VPT).with_name("seed=7.json")
    store.path(VPT).rename(moved)
    texts = {finding.cell: finding.text for finding in check(tmp_path).findings}
    assert any("missing or altered" in text for text in texts.values())
    assert "to its own address" in texts[str(moved.relative_to(tmp_path))]


def test_commands_from_check_to_confirmation(tmp_path: Path) -> None:
    new, results = tmp_path / "new", tmp_path / "results"
    submit(new, LORA)
    run = CliRunner().invoke
    checked = run(app, ["submit", "check", str(new), "--json"])
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["accepted"] is True
    assert run(app, ["submit", "add", str(new), "--results", str(results), "--by", "ada"]).exit_code == 0
    assert run(app, ["submit", "review", "rerun", "lora", "--results", str(results), "--by", "bob"]).exit_code == 0
    shown = run(app, ["table", "--results", str(results), "--format", "json"])
    assert "rerun" in json.loads(shown.stdout)[0]["warnings"]
    again = run(app, ["submit", "add", str(new), "--results", str(results), "--by", "ada"])
    assert "0 records taken" in again.stdout


def test_a_bad_submission_is_not_taken_in(tmp_path: Path) -> None:
    fill(tmp_path / "new", [LORA])  # fingerprints of no code
    ran = CliRunner().invoke(app, ["submit", "check", str(tmp_path / "new")])
    assert ran.exit_code == 1
    assert "not accepted" in ran.stdout
    added = CliRunner().invoke(
        app, ["submit", "add", str(tmp_path / "new"), "--results", str(tmp_path / "r"), "--by", "ada"]
    )
    assert added.exit_code == 2
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("point", ["predictions-writing", "record-written", "record-placed"])
def test_what_was_sent_in_never_lies_unmarked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """The disk is full in the middle: a record without a line of its standing would count as made here."""
    given, results = tmp_path / "given", tmp_path / "results"
    submit(given, *grid(methods=["majority", "knn", "lora", "vpt"], seeds=2))
    monkeypatch.setenv("BENCH_FAULT", f"full:{point}")
    with pytest.raises((DiskFull, OSError)):
        take_in(given, results, "ada")
    monkeypatch.delenv("BENCH_FAULT")
    assert {record.cell for record in Store(results).all()} <= read(results).keys()
    take_in(given, results, "ada")
    assert {record.cell for record in Store(results).all()} == read(results).keys()


@pytest.mark.parametrize("unit", ["group", "domain"])
def test_the_units_of_items_are_groups_or_domains(tmp_path: Path, unit: str) -> None:
    """Data without groups have domains in their place, and either is looked at."""

    def belonging(record: Record, arrays: Arrays) -> Record:
        stage, names = record.stages[0], np.array(["a", "b"])[np.arange(len(arrays["test/ids"])) % 2]
        arrays[f"test/{unit}"] = names
        items = {split: {**known, "groups": groups_packed(names)} for split, known in stage.items.items()}
        return record.model_copy(update={"stages": [stage.model_copy(update={"items": items})]})

    def swapped(record: Record, arrays: Arrays) -> Record:
        told = belonging(record, arrays)
        arrays[f"test/{unit}"] = np.roll(arrays[f"test/{unit}"], len(arrays["test/ids"]) // 2)
        arrays[f"test/{unit}"][0] = arrays[f"test/{unit}"][1]
        return told

    submit(tmp_path / "honest", LORA, change=belonging)
    assert "items" not in kinds(tmp_path / "honest")
    submit(tmp_path / "wrong", LORA, change=swapped)
    assert "items" in kinds(tmp_path / "wrong")
