"""What callbacks are told, and that none of them changes or ends anything."""

from __future__ import annotations

import csv
import io
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from compared import assert_same_results
from rich.console import Console
from typer.testing import CliRunner

from bench.callbacks.base import absolute, callback_of
from bench.cli.app import app
from bench.core.errors import UsageError
from bench.core.progress import Reporter
from bench.engine.run import Done, carry_out
from bench.engine.settings import Settings
from bench.plugins.folders import use_folders
from bench.records import Record, Store
from bench.records.files import place

# two heads that train together, with two trials each; two stages, the second on a backbone of its own; no epochs at all
GRID = "quick[lr_grid=[0.001,0.01]]"
FUSED = [f"digits[shots=5]/pico[size=32]/linear_probe/{GRID}/seed={seed},data_seed=0" for seed in (1, 2)]
STAGED = "digits[shots=5]/pico[size=32]/staged_finetune/quick[epochs=2]/seed=0"
FITTED = "digits[shots=5]/pico[size=32]/knn/quick/seed=0"
CELLS = [*FUSED, STAGED, FITTED]
SPY = """
from pathlib import Path
from pydantic import Field
from bench.callbacks.base import Callback


class Spy(Callback):
    \"\"\"Writes what it is told.\"\"\"

    file: Path = Field(Path("spy.txt"), description="where")

    def _note(self, *what):
        with self.file.open("a") as file:
            print(*what, file=file)

    def on_run_begin(self, event):
        self._note("run", len(event.cells))

    def on_cell_begin(self, event):
        self._note("begin", event.cell, event.facts["recipe.batch_size"])

    def on_epoch_end(self, event):
        self._note("epoch", *(f"{t.cell}|{t.trial}|{t.stage}|{t.before}+{t.epoch}/{t.epochs}" for t in event.trainings))

    def on_cell_end(self, event):
        self._note("end", event.cell, "test_accuracy" in event.metrics, event.problem)

    def on_run_end(self, event):
        self._note("over")
"""
FAULTY = SPY.replace("class Spy", "class Faulty").replace('self._note("epoch"', '1 / 0, ("epoch"')


def run(results: Path, *cells: str, quiet: bool = True, callbacks: tuple[str, ...] = ()) -> Done:
    settings = Settings(results=results, quiet=quiet, device="cpu", callbacks=callbacks, checkpoint_every=0)
    done = carry_out(cells, settings)
    assert not done.failed
    return done


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The records of a run that nobody watches."""
    folder = tmp_path_factory.mktemp("plain")
    run(folder, *CELLS)
    return Store(folder)


def record(store: Store, cell: str) -> Record:
    found = store.get(cell)
    assert found is not None
    return found


def curves(found: Record) -> dict[str, list[float | None]]:
    """All stages' curves, one after the other."""
    names = found.stages[0].curves
    return {name: [value for stage in found.stages for value in stage.curves.get(name, [])] for name in names}


def test_each_event_comes_once_and_in_order(plugin_folder: Path, tmp_path: Path) -> None:
    (plugin_folder / "spy.py").write_text(SPY)
    use_folders([plugin_folder])
    run(tmp_path / "runs", *CELLS, callbacks=(f'spy[file="{tmp_path / "told"}"]',))
    told = (tmp_path / "told").read_text().splitlines()
    assert told[0] == f"run {len(CELLS)}"
    assert told[-1] == "over"
    for cell in CELLS:
        begin, end = told.index(f"begin {cell} 20"), told.index(f"end {cell} True ")
        epochs = [number for number, line in enumerate(told) if line.startswith("epoch") and f" {cell}|" in line]
        assert all(begin < number < end for number in epochs)
        assert bool(epochs) == (cell != FITTED)
    fused = [f"{cell}|lr={lr}||0+2/3" for cell in FUSED for lr in ("0.001", "0.01")]
    assert any(line.startswith(" ".join(["epoch", *fused])) for line in told)
    assert [f"{STAGED}||stage{1 + n // 2}|{n // 2 * 2}+{1 + n % 2}/2" for n in range(4)] == [
        word for line in told if line.startswith("epoch") for word in line.split() if word.startswith(STAGED)
    ]


def test_a_watched_run_gives_the_same_digits_and_a_failing_callback_ends_alone(
    plain: Store, plugin_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (plugin_folder / "faulty.py").write_text(FAULTY)
    use_folders([plugin_folder])
    watchers = (f'faulty[file="{tmp_path / "told"}"]', f'csv_log[folder="{tmp_path / "logs"}"]')
    run(tmp_path / "runs", *CELLS, callbacks=watchers)
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == 1
    assert "faulty" in warnings[0]
    assert "ZeroDivisionError" in warnings[0]
    assert {line.split()[0] for line in (tmp_path / "told").read_text().splitlines()} == {"run", "begin"}
    assert len(list((tmp_path / "logs").rglob("*.csv"))) == 3
    assert assert_same_results(plain.folder, tmp_path / "runs") == len(CELLS)


def logged(folder: Path, cell: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / f"{place(cell)}.csv").open()))


def as_logged(found: Record) -> list[tuple[int, float, float]]:
    return [
        (epoch + 1, stage.curves["train_loss"][epoch] or math.nan, stage.curves["val_accuracy"][epoch] or math.nan)
        for stage in found.stages
        for epoch in range(stage.epochs)
    ]


def losses(lines: list[dict[str, str]]) -> dict[str, list[float]]:
    """Trial -> training loss of each epoch."""
    found: dict[str, list[float]] = {}
    for line in lines:
        found.setdefault(line["trial"], []).append(float(line["train_loss"]))
    return found


def test_csv_log_holds_the_curves_of_the_record(plain: Store, tmp_path: Path) -> None:
    run(tmp_path / "runs", *CELLS, callbacks=(f'csv_log[folder="{tmp_path}"]',))
    lines = logged(tmp_path, STAGED)
    assert [line["stage"] for line in lines] == ["stage1", "stage1", "stage2", "stage2"]
    found = [(int(line["epoch"]), float(line["train_loss"]), float(line["val_accuracy"])) for line in lines]
    assert found == as_logged(record(plain, STAGED))
    for cell in FUSED:
        trials = losses(logged(tmp_path, cell))
        assert set(trials) == {"lr=0.001", "lr=0.01"}
        assert curves(record(plain, cell))["train_loss"] in trials.values()


KILLED = """
import sys
from pathlib import Path
from bench.engine.run import carry_out
from bench.engine.settings import Settings
carry_out(sys.argv[3:], Settings(Path(sys.argv[1]), quiet=True, device="cpu", checkpoint_every=0,
                                 callbacks=(f'csv_log[folder="{sys.argv[2]}"]',)))
"""


@pytest.mark.parametrize("point", ["progress-placed:2", "trained-placed:1", "checkpoint-writing:3"])
def test_a_resumed_run_is_logged_from_its_first_epoch(plain: Store, tmp_path: Path, point: str) -> None:
    """Killed in the second epoch of a trial, after the first trial, or in the second stage."""
    cells = [*FUSED, STAGED]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "runs"), str(tmp_path / "killed"), *cells],
        env={**os.environ, "BENCH_FAULT": f"kill:{point}"}, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    run(tmp_path / "runs", *cells, callbacks=(f'csv_log[folder="{tmp_path / "logs"}"]',))
    for cell in cells:
        trials = losses(logged(tmp_path / "logs", cell))
        assert len(trials) == (1 if cell == STAGED else 2)
        assert curves(record(plain, cell))["train_loss"] in trials.values()


def test_lines_are_written_where_there_is_no_terminal(
    plain: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "runs", STAGED, quiet=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    one = curves(record(plain, STAGED))
    assert len(lines) == 4
    for number, line in enumerate(lines):
        assert line.startswith(f"epoch {1 + number % 2}/2  train loss {one['train_loss'][number]:.4g}  accuracy ")
        assert f"accuracy {one['val_accuracy'][number]:.4g}  best " in line
        assert "left 0:00:" in line
        assert STAGED in line


def test_a_quiet_run_writes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "runs", STAGED)
    assert capsys.readouterr().err == ""


def test_the_bar_names_its_times_and_shows_the_metric() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=200, _environ={})
    with Reporter(1, 4, quiet=False, console=console) as reporter:
        reporter.working("lora")
        reporter.epoch(10)
        reporter.score("accuracy 0.912 (best 0.934)")
        assert reporter.seconds_left >= 0
    shown = text.getvalue()
    assert "elapsed" in shown
    assert "left" in shown
    assert "accuracy 0.912 (best 0.934)" in shown


def test_what_is_wrong_is_said_before_anything_trains(tmp_path: Path) -> None:
    for text, said in (
        ("tensorbord", "tensorboard"),
        ("csv_log[folders=x]", "folder"),
    ):
        with pytest.raises(UsageError, match=said):
            run(tmp_path / "runs", STAGED, callbacks=(text,))
    assert not (tmp_path / "runs").exists()


def test_paths_hold_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (moved,) = (callback_of(absolute(text)) for text in ["csv_log[folder=logs]"])
    assert dict(moved) == {"folder": tmp_path / "logs"}
    assert absolute("print") == "print"


def test_a_new_callback_runs(plugin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = CliRunner().invoke(app, ["new", "callback", "my_notes", "--folder", str(plugin_folder)])
    assert written.exit_code == 0
    use_folders([plugin_folder])
    run(tmp_path / "runs", STAGED, callbacks=("my_notes",))
    assert len((tmp_path / "my_notes.txt").read_text().splitlines()) == 5
