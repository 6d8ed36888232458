"""A folder of results as a whole: smaller predictions that say the same, tables that are made again and compared."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_results import fill, finished, grid
from typer.testing import CliRunner

from bench.cli.app import app
from bench.engine.reproduce import reproduce
from bench.engine.settings import Settings
from bench.pages.packing import published
from bench.records import Part, Record, Store, is_output
from bench.tasks.classification import Classification

if TYPE_CHECKING:
    from click.testing import Result

    from bench.engine.run import Done

CELL = "digits/pico/lora/quick/seed=0"
TABLE = "tables/all.md: bench table --format md"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two methods, three seeds, and a list with one table."""
    fill(tmp_path, grid(methods=["majority", "lora"], seeds=3))
    (tmp_path / "made_by.txt").write_text(f"# what a person reads\n\n{TABLE}\n")
    return tmp_path


def test_packed_predictions_are_smaller_and_hold_the_same_metrics(folder: Path) -> None:
    before = {record.cell: record for record in Store(folder).all()}
    assert "predictions of 6 of 6 records are smaller now" in invoke("results", "pack", "--results", folder).stdout
    for record in Store(folder).all():
        assert record.slim().model_copy(update={"predictions": None}) == before[record.cell].slim().model_copy(
            update={"predictions": None}
        )
    assert invoke("results", "make", "--results", folder).exit_code == 0
    checked = invoke("results", "check", "--results", folder)
    assert checked.exit_code == 0, checked.stdout
    assert "0 of 6 records" in invoke("results", "pack", "--results", folder).stdout


def test_no_item_changes_its_class_by_packing() -> None:
    record, arrays = finished(CELL)
    smaller = published(record, arrays)
    assert smaller is not None
    for name in filter(is_output, arrays):
        assert (arrays[name].dtype, smaller[name].dtype) == (np.float32, np.float16)
        assert np.array_equal(arrays[name].argmax(1), smaller[name].argmax(1))
    assert published(record, smaller) is None


def test_an_output_that_float16_would_change_stays() -> None:
    """As where samples are wrong by far, which their mean loss then tells to four decimals."""
    record, arrays = finished(CELL)
    far = {**arrays, "stage1/test/logits": 30 * arrays["stage1/test/logits"]}
    metrics = Classification().evaluate(arrays["test/targets"], {"logits": far["stage1/test/logits"]})
    stage = record.stages[0].model_copy(update={"metrics": {"test": metrics}, "items": {}})
    assert published(record.model_copy(update={"stages": [stage]}), far) is None


def test_features_and_ids_stay() -> None:
    record, arrays = finished(CELL)
    features = np.random.default_rng(0).normal(size=(len(arrays["test/ids"]), 8)).astype(np.float32)
    smaller = published(record, {**arrays, "stage1/test/features": features})
    assert smaller is not None
    assert smaller["stage1/test/features"] is features
    assert smaller["test/ids"] is arrays["test/ids"]


def test_a_put_meanwhile_waits_and_stays_whole(folder: Path) -> None:
    """Packing holds the store's lock from reading a pair to writing it."""
    store, begun = Store(folder), threading.Event()
    record, arrays = store.pair(CELL)
    newer = {name: array + 1 if is_output(name) else array for name, array in arrays.items()}
    writer = threading.Thread(target=lambda: (begun.wait(), Store(folder).put(record, newer)))
    writer.start()

    def change(_: Record, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        begun.set()
        writer.join(timeout=0.5)  # it waits for the lock
        assert writer.is_alive()
        return {name: array.astype(np.float16) if is_output(name) else array for name, array in found.items()}

    assert store.rewrite(store.path(CELL), change)
    writer.join()
    found = store.pair(CELL)[1]
    assert all(np.array_equal(array, newer[name]) and array.dtype == newer[name].dtype for name, array in found.items())


def test_a_packed_record_reproduces(tmp_path: Path, weights: Path, run_cells: Callable[..., Done]) -> None:
    (cell,) = run_cells(tmp_path, ["linear_probe"]).cells
    store = Store(tmp_path)
    assert "1 of 1 records" in invoke("results", "pack", "--results", tmp_path).stdout
    assert reproduce(store.path(cell), Settings(results=tmp_path, weights=weights, quiet=True)).verdict == "equal"


def test_a_table_that_says_something_else_is_a_problem(folder: Path) -> None:
    assert "is missing" in invoke("results", "check", "--results", folder).stdout
    assert invoke("results", "make", "--results", folder).exit_code == 0
    table = folder / "tables" / "all.md"
    text = table.read_text()
    assert text.startswith("<!-- bench table --format md -->\n\n")
    assert invoke("results", "check", "--results", folder).exit_code == 0
    table.write_text(text.replace("lora", "lorand"))
    checked = invoke("results", "check", "--results", folder)
    assert checked.exit_code == 1
    assert "all.md is not what bench table --format md makes of the records now" in checked.stdout
    assert invoke("results", "make", "--results", folder).exit_code == 0
    assert table.read_text() == text


def test_a_figure_is_made_and_asked_for(folder: Path) -> None:
    (folder / "made_by.txt").write_text("figures/all.svg: bench plot comparison\n")
    assert "all.svg is missing" in invoke("results", "check", "--results", folder).stdout
    assert invoke("results", "make", "--results", folder).exit_code == 0
    assert (folder / "figures" / "all.svg").read_text().lstrip().startswith("<svg")
    assert invoke("results", "check", "--results", folder).exit_code == 0


def test_a_metric_that_is_not_that_of_the_predictions_is_a_problem(folder: Path) -> None:
    store = Store(folder)
    record, arrays = store.pair(CELL)
    better = record.stages[0].model_copy(
        update={"metrics": {"test": {**record.stages[0].metrics["test"], "accuracy": 0.99}}}
    )
    store.put(record.model_copy(update={"stages": [better]}), arrays)
    checked = invoke("results", "check", "--results", folder)
    assert checked.exit_code == 1
    assert "accuracy is 0.99 in the record" in checked.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tables/all.md bench table", "is not FILE: bench COMMAND"),
        ("tables/all.md: rm -r .", "is not FILE: bench COMMAND"),
        ("../all.md: bench table", "lies outside of the results folder"),
        ("all.md: bench table 'pacs", "No closing quotation"),
        ("all.md: bench table nothing_like_it", "Mend the line of all.md"),
        ("all.md: bench table --nothing-like-it", "bench table --nothing-like-it: "),
        ("all.md: bench errors", "bench errors: "),
        ("all.md: bench doctor", "where COMMAND makes a file of records"),
    ],
)
def test_lines_that_make_nothing_are_named(folder: Path, line: str, said: str) -> None:
    (folder / "made_by.txt").write_text(line + "\n")
    made = invoke("results", "make", "--results", folder)
    assert made.exit_code == 2
    assert said in made.stderr


def test_a_task_that_is_not_here_is_a_problem_of_its_record_alone(folder: Path) -> None:
    store = Store(folder)
    record, arrays = store.pair(CELL)
    store.put(record.model_copy(update={"task": "unheard_of"}), arrays)
    (folder / "made_by.txt").unlink()
    checked = invoke("results", "check", "--results", folder)
    assert checked.exit_code == 1
    assert "unheard_of" in checked.stdout
    assert "6 records with their predictions, 0 failures, 1 problems" in checked.stdout


def test_commands_of_the_list_know_the_plugins_that_were_named(tmp_path: Path, plugin_folder: Path) -> None:
    (plugin_folder / "mine.py").write_text(
        '"""Mine."""\nfrom bench.baselines.linear_probe import LinearProbe\n\n\n'
        'class Mine(LinearProbe):\n    """A linear probe of one\'s own."""\n'
    )
    results = tmp_path / "runs"
    record, arrays = finished(CELL)
    mine = record.model_copy(update={"cell": CELL.replace("lora", "mine"), "method": Part(name="mine")})
    Store(results).put(mine, arrays)
    (results / "made_by.txt").write_text(TABLE + "\n")
    assert invoke("results", "make", "--results", results).exit_code == 0
    without = (results / "tables" / "all.md").read_text()
    assert invoke("results", "make", "--results", results, "--plugins", plugin_folder).exit_code == 0
    known = (results / "tables" / "all.md").read_text()
    assert known != without  # the mark of a method that nobody knows is gone


def test_hours_are_those_of_the_suites_cells(
    plugin_folder: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two suites share three cells; one has three more that have not run."""
    settings = 'datasets = ["digits"]\nbackbones = ["pico"]\nrecipe = "quick"\nseeds = [0, 1, 2]\n'
    (plugin_folder / "small.py").write_text(f'"""Small."""\n{settings}methods = ["majority"]\n')
    (plugin_folder / "large.py").write_text(f'"""Large."""\n{settings}methods = ["majority", "knn"]\n')
    store = Store(folder)
    for name in grid(methods=["majority"]):
        record, arrays = store.pair(name)
        spent = record.hardware.model_copy(update={"seconds": 1800.0, "threads": 2})
        store.put(record.model_copy(update={"hardware": spent}), arrays)
    told = invoke("results", "cost", "small", "larg*", "--results", folder, "--plugins", plugin_folder).stdout
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines()[1:]}
    assert rows["small"] == ["3", "3", "3.00"]
    assert rows["large"] == ["6", "3", "3.00"]
    assert told.splitlines()[-1].startswith("3 cells, 3.0 thread-hours")
    unknown = invoke("results", "cost", "nothing_like_it", "--results", folder)
    assert unknown.exit_code == 2
    assert "No suite is called nothing_like_it" in str(unknown.output)
