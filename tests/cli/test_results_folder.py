"""A folder of results as a whole: smaller predictions that say the same, tables that are made again and compared."""

from __future__ import annotations

import bz2
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZipFile

import numpy as np
import pytest
from made_results import fill, finished, grid
from typer.testing import CliRunner

from bench.cli.app import app
from bench.engine.reproduce import reproduce
from bench.engine.settings import Settings
from bench.records import Part, Store, is_output
from bench.records.items import packed
from bench.report.packing import squeezed
from bench.report.recomputed import contradicted
from bench.report.rounding import NEARER, as_kept, is_rounded, rounded
from bench.tasks.classification import Classification
from bench.tasks.detection import Detection

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
        assert Store(folder).path(record.cell).read_text().count("\n") == 1
    assert invoke("results", "make", "--results", folder).exit_code == 0
    checked = invoke("results", "check", "--results", folder)
    assert checked.exit_code == 0, checked.stdout
    assert "0 of 6 records" in invoke("results", "pack", "--results", folder).stdout


def test_packing_shortens_only_what_is_drawn(tmp_path: Path) -> None:
    record, arrays = finished(CELL)
    third = 1 / 3
    told = {"spectrum": {"head weight": [200 / 3, 1e-7 / 3, 0.0]}, "routing": {"beta": [[third, 2]]}, "strength": third}
    tuning = [{"lr": 1e-3, "val_accuracy": third}]
    stage = record.stages[-1].model_copy(update={"curves": {"val_loss": [third, None, 2.0]}})
    record = record.model_copy(update={"stages": [stage], "diagnostics": {"stage1": told, "tuning": tuning}})
    Store(tmp_path).put(record, arrays)
    invoke("results", "pack", "--results", tmp_path)
    (found,) = Store(tmp_path).all()
    assert found.stages[-1].curves == {"val_loss": [0.33333, None, 2.0]}
    assert found.diagnostics["tuning"] == tuning
    assert found.diagnostics["stage1"] == {
        "spectrum": {"head weight": [66.7, 3.33e-8, 0.0]}, "routing": {"beta": [[0.333, 2]]}, "strength": third
    }  # fmt: skip
    assert found.metrics == record.metrics
    assert found.stages[-1].items == stage.items


def test_packed_arrays_are_the_same_in_fewer_bytes(tmp_path: Path) -> None:
    file, again = tmp_path / "outputs.npz", tmp_path / "again.npz"
    outputs = np.random.default_rng(0).normal(size=(500, 20)).round(2).astype(np.float16)
    names = np.array([f"patient{i // 7}/slice{i:04d}" for i in range(500)])
    for place in (file, again):
        np.savez_compressed(place, outputs=outputs, names=names)
    before = file.stat().st_size
    assert squeezed(file)
    assert squeezed(again)
    assert not squeezed(file)
    assert file.stat().st_size < before
    assert file.read_bytes() == again.read_bytes()
    with np.load(file) as found:
        assert np.array_equal(found["outputs"], outputs)
        assert np.array_equal(found["names"], names)
    with ZipFile(file) as archive:  # the shorter one for each
        assert [part.compress_type for part in archive.infolist()] == [ZIP_BZIP2, ZIP_LZMA]


def test_no_item_changes_its_class_by_packing() -> None:
    record, arrays = finished(CELL)
    smaller = rounded(record, arrays)
    for name in filter(is_output, arrays):
        assert is_rounded(smaller[name])
        assert not is_rounded(arrays[name])
        assert np.array_equal(arrays[name].argmax(1), smaller[name].argmax(1))


def test_outputs_that_float16_would_change_are_rounded_in_float32() -> None:
    """As where samples are wrong by far, which their mean loss then tells to four decimals."""
    record, arrays = finished(CELL)
    far = 30 * arrays["stage1/test/logits"]
    metrics = Classification().evaluate(arrays["test/targets"], {"logits": far})
    stage = record.stages[0].model_copy(update={"metrics": {"test": metrics}, "items": {}})
    record = record.model_copy(update={"stages": [stage]})
    smaller = rounded(record, {**arrays, "stage1/test/logits": far})
    few = smaller["stage1/test/logits"]
    assert few.dtype == np.float32
    assert is_rounded(few)
    assert Classification().evaluate(arrays["test/targets"], {"logits": few})["nll"] == pytest.approx(
        metrics["nll"], abs=0.5e-4
    )
    assert len(bz2.compress(few.tobytes())) < 0.8 * len(bz2.compress(far.tobytes()))
    assert rounded(record, smaller)["stage1/test/logits"] is few


@pytest.mark.parametrize("confident", [False, True])
def test_classes_far_below_a_rows_largest_share_one_number(confident: bool) -> None:
    """As far as metrics allow: one image whose class is that far below has its share in the mean of the loss."""
    record, arrays = finished(CELL)
    targets, rng = arrays["test/targets"], np.random.default_rng(0)
    logits = rng.normal(-17, 2, size=(len(targets), 30)).astype(np.float32)
    logits[np.arange(len(targets)), targets] = rng.normal(size=len(targets))
    if confident:
        logits[0, (targets[0] + 1) % 30] = logits[0, targets[0]] + 30
    metrics = Classification().evaluate(targets, {"logits": logits})
    stage = record.stages[0].model_copy(update={"metrics": {"test": metrics}, "items": {"test": {}}})
    record, name = record.model_copy(update={"stages": [stage]}), "stage1/test/logits"
    few = rounded(record, {**arrays, name: logits})[name]
    assert bool(-few.min() in NEARER) == (not confident)
    assert Classification().evaluate(targets, {"logits": few})["nll"] == pytest.approx(metrics["nll"], abs=1e-4)
    assert rounded(record, {**arrays, name: few})[name] is few
    kept = {name: few, "test/targets": targets}
    assert np.array_equal(as_kept(kept, {name: logits})[name], few)


def test_outputs_are_not_packed_where_no_bits_give_the_metrics() -> None:
    """As where a task's metrics depend on more than differences within a row."""
    record, arrays = finished(CELL)
    stage = record.stages[0]
    wrong = stage.model_copy(update={"metrics": {"test": {**stage.metrics["test"], "nll": 9.0}}})
    unlike = record.model_copy(update={"stages": [wrong]})
    smaller = rounded(unlike, arrays)
    assert all(smaller[name] is array for name, array in arrays.items())


@pytest.mark.parametrize("seed", range(2))
def test_boxes_and_scores_are_rounded_where_both_together_keep_precision(seed: int) -> None:
    """Numbers that mean something by themselves keep their place, not their distance from the largest."""
    pytest.importorskip("faster_coco_eval")
    rng, task = np.random.default_rng(seed), Detection()
    corner = rng.uniform(0, 0.5, (8, 5, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.1, 0.5, (8, 5, 2))], axis=2).astype(np.float32)
    targets = np.concatenate([boxes, np.zeros((8, 5, 2))], axis=2).astype(np.float32)
    outputs = {
        "boxes": (boxes + rng.normal(scale=0.02, size=boxes.shape)).astype(np.float32),
        "scores": 0.5 + 0.001 * rng.random((8, 5), dtype=np.float32),
        "classes": np.zeros((8, 5), np.int16),
    }
    metrics = task.evaluate(targets, outputs)
    assert metrics["ap"] > 0.2
    items = {"ap50": packed(task.item_scores(targets, outputs, "ap50"))}
    record, _ = finished(CELL)
    stage = record.stages[0].model_copy(update={"metrics": {"test": metrics}, "items": {"test": items}})
    record = record.model_copy(update={"task": "detection", "stages": [stage]})
    arrays = {"test/targets": targets, **{f"stage1/test/{name}": array for name, array in outputs.items()}}
    smaller = rounded(record, arrays)
    assert not is_rounded(outputs["boxes"])
    assert is_rounded(smaller["stage1/test/boxes"])
    assert np.abs(smaller["stage1/test/boxes"] - outputs["boxes"]).max() < 0.02
    assert list(contradicted(record, smaller)) == []


def test_features_are_not_packed() -> None:
    record, arrays = finished(CELL)
    features = np.random.default_rng(0).normal(size=(len(arrays["test/ids"]), 8)).astype(np.float32)
    smaller = rounded(record, {**arrays, "stage1/test/features": features, "backbone/test/features": features})
    assert smaller["stage1/test/features"] is smaller["backbone/test/features"] is features


@pytest.mark.parametrize("bits", [8, 14])
def test_a_repetition_is_compared_in_the_form_that_a_record_has(bits: int) -> None:
    """In however many bits it was kept, by whichever rule; another output stays another."""
    again = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    below = again - again.max(1, keepdims=True)
    fraction, exponent = np.frexp(below.astype(np.float64))
    name, kept = "stage1/test/logits", np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent).astype(np.float32)
    assert np.array_equal(as_kept({name: kept}, {name: again})[name], kept)
    other = again.copy()
    other[3, 2] -= 0.1
    assert not np.array_equal(as_kept({name: kept}, {name: other})[name], kept)
    assert as_kept({name: again}, {name: other})[name] is other  # a record that was not packed


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
        ("all.md: bench table nothing_like_it", "ended with exit code"),
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
    told = invoke("results", "spent", "small", "larg*", "--results", folder, "--plugins", plugin_folder).stdout
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines()[1:]}
    assert rows["small"] == ["3", "3", "3.00"]
    assert rows["large"] == ["6", "3", "3.00"]
    assert told.splitlines()[-1].startswith("3 cells, 3.0 thread-hours")
    unknown = invoke("results", "spent", "nothing_like_it", "--results", folder)
    assert unknown.exit_code == 2
    assert "No suite is called nothing_like_it" in str(unknown.output)
