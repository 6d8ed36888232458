"""Files that were copied, edited, cut short or exchanged: never counted, never returned, always named."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import done, failed
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.pages.recomputed import contradicted
from bench.records import CorruptRecord, Store, load_records
from bench.records.inspection import inspect

NAME = "digits/pico/cladapter/quick/seed=0"
OTHER = "digits/pico/linear_probe/quick/seed=0"
CELLS = [f"digits/pico/{method}/quick/seed=0" for method in ("majority", "knn")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "runs")
    store.put(*done(NAME))
    store.put(*done(OTHER, right=(70,)))
    return store


def edit(store: Store, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record's JSON as with an editor."""
    path = store.path(NAME)
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("seed", [0, 1])
def test_a_copy_at_another_address_is_not_counted(store: Store, seed: int) -> None:
    copy = store.path(NAME.replace("seed=0", f"seed=1,data_seed={seed}"))
    shutil.copy(store.path(NAME), copy)
    shutil.copy(store.path(NAME).with_suffix(".npz"), copy.with_suffix(".npz"))
    assert [record.cell for record in store.readable()] == [NAME, OTHER]
    (error,) = store.unreadable
    assert f"{copy} holds {NAME}. Move it to its own address" in str(error)
    shown = invoke("table", "--results", store.folder, "--format", "json")
    assert [row["seeds"] for row in json.loads(shown.stdout)] == [1, 1]
    assert shown.exit_code == 1
    assert str(copy) in shown.stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [("seed", 3), ("data_seed", 3), ("method", "knn"), ("dataset", "pacs"), ("recipe", "paper"), ("backbone", "x")],
)
def test_fields_that_disagree_with_the_cell(store: Store, field: str, value: Any) -> None:
    edit(store, lambda plain: plain.update({field: value if isinstance(value, int) else {"name": value}}))
    with pytest.raises(CorruptRecord, match=f"contradicts itself: {field} is .*, and its cell says"):
        store.get(NAME)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda plain: plain["stages"][0]["metrics"]["test"].update(accuracy=17), "test accuracy of 17"),
        (lambda plain: plain["stages"][0]["metrics"]["test"].update(nll=-1), "test nll of -1"),
        (lambda plain: plain["stages"][0]["metrics"]["test"].update(accuracy=float("inf")), "finite"),
        (lambda plain: plain["stages"][0].update(curves={"train_loss": [float("nan")]}), "finite"),
        (lambda plain: plain["stages"][0]["n"].update(test=0), "0 test samples"),
        (lambda plain: plain["stages"][0]["n"].update(test=-5), "-5 test samples"),
        (lambda plain: plain.update(stages=[]), "no stage"),
        (lambda plain: plain.update(cell="digits"), "at its own address|holds digits|no name"),
    ],
)
def test_impossible_values(store: Store, change: Callable[[dict[str, Any]], object], word: str) -> None:
    edit(store, change)
    assert [record.cell for record in store.readable()] == [OTHER]
    (error,) = store.unreadable
    assert len(str(error).splitlines()) == 1
    with pytest.raises(CorruptRecord, match=word):
        list(store.all())
    assert store.reliable(NAME).damage


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make", [_pipe, lambda path: path.symlink_to(path), Path.mkdir], ids=["pipe", "loop", "folder"]
)
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_what_is_no_file_is_not_waited_for(store: Store, make: Callable[[Path], object], suffix: str) -> None:
    path = store.path(NAME).with_suffix(suffix)
    path.unlink()
    make(path)
    assert store.reliable(NAME).record is None
    assert store.reliable(NAME).damage
    assert len(inspect(store).problems) == 1


def test_flipped_bytes_raise_nothing_else(store: Store) -> None:
    """zlib.error, NotImplementedError, MemoryError... of damaged archives are one error that names the file."""
    file, chance = store.path(NAME).with_suffix(".npz"), random.Random(0)
    good = file.read_bytes()
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 1, 3])):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        file.write_bytes(bad[: chance.choice([None, None, chance.randrange(len(bad))])])
        assert store.reliable(NAME).record is not None or "missing or altered" in store.reliable(NAME).damage


def test_exchanged_predictions_are_noticed(store: Store) -> None:
    files = [store.path(name).with_suffix(".npz") for name in (NAME, OTHER)]
    shutil.copy(files[1], files[0])
    assert store.reliable(NAME).record is None
    assert "are not the predictions of" in store.reliable(NAME).damage
    assert store.reliable(OTHER).record is not None


@pytest.mark.parametrize("json_too", [False, True])
def test_damaged_waiting_predictions_block_nothing(store: Store, json_too: bool) -> None:
    store.path(NAME).with_suffix(".npz.new").write_bytes(b"PK\x03\x04 half")
    if json_too:
        store.path(NAME).write_text("{")
    store.put(*done(NAME, right=(90,)))
    assert store.pair(NAME)[0].metrics["test"]["accuracy"] == 0.9
    assert not store.path(NAME).with_suffix(".npz.new").exists()


def test_a_damaged_failure_is_no_failure(store: Store) -> None:
    store.put_failure(failed(NAME))
    file = store.path(NAME).with_suffix(".failed.json")
    file.write_text("?")
    found = store.reliable(NAME)
    assert found.failure is None
    assert str(file) in found.damage


def test_foreign_files_are_not_records(store: Store) -> None:
    folder = store.path(NAME).parent
    for name in ("seed=0.json~", "notes.txt", "seed=0.jpg", ".seed=0.json.swp"):
        (folder / name).write_text("mine")
    (store.folder / "paper.pdf").write_bytes(b"x")
    (folder / "seed=9.npz").write_bytes(b"x")
    assert [record.cell for record in store.all()] == [NAME, OTHER]
    found = inspect(store)
    assert (found.records, found.problems, found.strays) == (2, [], [str(folder / "seed=9.npz")])


def test_several_processes_find_what_one_finds(store: Store) -> None:
    assert inspect(store, contradicted, processes=2) == inspect(store, contradicted)
    record, arrays = store.pair(NAME)
    stage = record.stages[0]
    wrong = stage.model_copy(update={"metrics": {"test": {**stage.metrics["test"], "accuracy": 0.123}}})
    store.put(record.model_copy(update={"stages": [wrong]}), arrays)
    store.path(OTHER).write_text("{}")
    alone, together = inspect(store, contradicted), inspect(store, contradicted, processes=2)
    assert together == alone
    assert any("accuracy" in problem for problem in together.problems)
    assert any(str(store.path(OTHER)) in problem for problem in together.problems)


def test_the_whole_folder_is_checked(store: Store) -> None:
    assert invoke("results", "check", "--results", store.folder).stdout.endswith("0 failures. All is well.\n")
    store.path(NAME).with_suffix(".npz").write_bytes(b"")
    store.path(OTHER).write_text("{}")
    checked = invoke("results", "check", "--results", store.folder)
    assert checked.exit_code == 1
    assert "0 records with their predictions, 0 failures, 2 problems" in checked.stdout
    assert "linear_probe/quick/seed=0.json is no readable record" in checked.stdout
    assert json.loads(invoke("results", "check", "--results", store.folder, "--json").stdout)["records"] == 0


@pytest.mark.parametrize("format", ["text", "md", "html", "latex"])
def test_tables_go_on_and_name_what_they_leave_out(store: Store, format: str) -> None:
    store.put(*done(NAME.replace("seed=0", "seed=1")))
    store.path(NAME).write_text("{")
    shown = invoke("table", "--results", store.folder, "--format", format)
    assert shown.exit_code == 1
    assert "linear" in shown.stdout.lower()
    assert "unreadable 1" in shown.stdout
    assert f"left out: {store.path(NAME)} is no readable record" in shown.stderr


def test_a_file_without_a_row_is_named_beneath(store: Store) -> None:
    store.path(NAME).write_text("{")
    shown = invoke("table", "--results", store.folder)
    assert f"left out: {store.path(NAME)}" in shown.stdout.replace("\n", " ")


@pytest.mark.parametrize("command", [("plot", "comparison", "--out", "{}/x.svg"), ("report", "--out", "{}/report")])
def test_other_readers_go_on_too(store: Store, tmp_path: Path, command: tuple[str, ...]) -> None:
    store.put(*done("digits/pico/knn/quick/seed=0", right=(60,)))
    store.path(NAME).write_text("{")
    store.path(OTHER).with_suffix(".npz").write_bytes(b"?")  # which only the report reads
    shown = invoke(*(word.format(tmp_path) for word in command), "--results", store.folder)
    assert shown.exit_code == 1, shown.output
    assert "cladapter" in shown.stderr
    assert ("linear_probe" in shown.stderr) == (command[0] == "report")


def test_damaged_predictions_cost_a_column_not_the_table(store: Store) -> None:
    """nll is not kept as item scores, so that its interval is computed from the predictions."""
    store.path(NAME).with_suffix(".npz").write_bytes(b"?")
    shown = invoke("table", "--results", store.folder, "--metrics", "accuracy,nll", "--format", "json")
    rows = {row["method"]: row for row in json.loads(shown.stdout)}
    assert shown.exit_code == 1
    assert set(rows["cladapter"]["warnings"]) - set(rows["linear_probe"]["warnings"]) == {"unreadable 1"}
    assert "missing or altered" in shown.stderr


def test_notebooks_warn(store: Store) -> None:
    store.path(NAME).write_text("{")
    with pytest.warns(UserWarning, match=r"left out: .*cladapter"):
        assert len(load_records(store.folder)) == 1


@pytest.mark.parametrize("damage", ["truncated", "exchanged", "unreadable"])
def test_a_run_repeats_what_is_damaged(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    assert invoke("run", *CELLS, "--results", tmp_path, "--quiet").exit_code == 0
    before = {cell: store.pair(cell)[0].comparable() for cell in CELLS}
    majority, knn = (store.path(cell).with_suffix(".npz") for cell in CELLS)
    if damage == "truncated":
        majority.write_bytes(majority.read_bytes()[:-100])
    elif damage == "exchanged":
        shutil.copy(knn, majority)
    else:
        store.path(CELLS[0]).write_text("")
    planned = json.loads(invoke("run", *CELLS, "--results", tmp_path, "--dry-run", "--json").stdout)
    assert [cell["reason"][:8] for cell in planned["cells"]] == ["damaged:", ""]
    again = invoke("run", *CELLS, "--results", tmp_path)
    assert "2 cells: 1 ran, 1 were up to date" in again.stderr
    assert {cell: store.pair(cell)[0].comparable() for cell in CELLS} == before
    assert not inspect(store).problems
    assert np.array_equal(store.predictions(CELLS[0])["test/ids"], store.predictions(CELLS[1])["test/ids"])
