"""What goes wrong in one cell is a typed record; the others go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from compared import assert_same_results

from bench.cells.cell import Cell
from bench.conformance.tiny import tiny_images
from bench.core.atomic import DiskFull
from bench.core.errors import BenchError, DataError, NonFiniteLoss, TimeLimit, UsageError
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from bench.plugins.folders import use_folders
from bench.records import Store
from bench.tasks.base import Metric
from bench.training import checkpoint, stages
from bench.training.context import Context
from bench.training.learner import Learner
from bench.training.progress import Progress
from bench.training.stages import Trained
from bench.training.trials import Trial, choose
from tests.engine.conftest import RunCells

HEADLINE = Metric("accuracy")
EXPLODING = '''
import torch
from bench.methods import Method, PooledLinear

class Exploding(Method):
    """A penalty that is not a number, or an error, or nothing."""

    what: str = "nan"


    def extra_loss(self, model, batch):
        if self.what == "error":
            raise ArithmeticError("as planned")
        return torch.tensor(float("nan"))
'''


@pytest.fixture
def exploding(plugin_folder: Path) -> Path:
    (plugin_folder / "exploding.py").write_text(EXPLODING)
    use_folders([plugin_folder])
    yield plugin_folder
    use_folders([])


def failures(folder: Path) -> dict[str, str]:
    return {record.method.name: record.error.kind for record in Store(folder).all() if record.error}


def test_a_non_finite_loss_fails_its_cell_only(exploding: Path, run_cells: RunCells, tmp_path: Path) -> None:
    outcome = run_cells(tmp_path / "both", ["exploding", "linear_probe"])
    assert failures(tmp_path / "both") == {"exploding": "non_finite_loss"}
    assert len(outcome.failed) == 1
    run_cells(tmp_path / "alone", ["linear_probe"])
    done = {r.cell: r.comparable() for r in Store(tmp_path / "both").all() if r.status == "done"}
    assert done == {r.cell: r.comparable() for r in Store(tmp_path / "alone").all()}


def test_an_error_in_a_method_names_its_line(exploding: Path, run_cells: RunCells, tmp_path: Path) -> None:
    outcome = run_cells(tmp_path, ["exploding[what=error]", "linear_probe"])
    (message,) = outcome.failed.values()
    assert "as planned" in message
    assert "exploding.py" in message
    assert sum(record.status == "done" for record in Store(tmp_path).all()) == 1


def test_time_limit(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, ["linear_probe", "majority"], "quick[epochs=3]", time_limit=1e-6)
    assert failures(tmp_path) == {"linear_probe": "time_limit"}


def out_of_memory_when(condition: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make `Learner.step` run out of memory for whole batches; returns the micro-batch counts that were tried."""
    tried: list[int] = []
    step = Learner.step

    def limited(self: Learner, *args: object) -> None:
        tried.append(self.progress.micro_batches)
        if condition == "always" or self.progress.micro_batches < 4:
            raise MemoryError
        step(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "step", limited)
    return tried


def test_out_of_memory_halves_the_batch_and_says_so(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = out_of_memory_when("whole batches", monkeypatch)
    run_cells(tmp_path, ["full_finetune"])
    (record,) = Store(tmp_path).all()
    assert tried[:3] == [1, 2, 4]
    assert "micro-batches: 4" in record.flags.notes


def test_out_of_memory_splits_a_group_without_changing_a_digit(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = ["linear_probe", "cladapter[k=2,tuning=frozen]", "cladapter[k=3,tuning=frozen]"]
    run_cells(tmp_path / "whole", methods)
    train, at_once = stages.train, list[int]()

    def limited(context: Context, learners: Sequence[Learner], *args: object) -> None:
        at_once.append(len(learners))
        if len(learners) == 3:
            raise MemoryError
        train(context, learners, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "train", limited)
    run_cells(tmp_path / "split", methods)
    assert at_once[0] == 3
    assert max(at_once[1:]) < 3
    assert assert_same_results(tmp_path / "whole", tmp_path / "split") == 3


def test_out_of_memory_for_good_is_a_typed_failure(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_memory_when("always", monkeypatch)
    run_cells(tmp_path, ["full_finetune", "knn"])
    assert failures(tmp_path) == {"full_finetune": "out_of_memory"}


def test_batch_norm_forbids_micro_batches(run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_memory_when("whole batches", monkeypatch)
    outcome = run_cells(tmp_path, ["full_finetune"], backbone="tiny_batch_norm_cnn")
    assert "batch norm" in next(iter(outcome.failed.values()))
    assert failures(tmp_path) == {"full_finetune": "out_of_memory"}


def test_micro_batches_survive_an_interruption(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = out_of_memory_when("whole batches", monkeypatch)
    keep = checkpoint.save

    def stop(folder: Path, learner: Learner) -> None:
        keep(folder, learner)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        run_cells(tmp_path, ["full_finetune"])
    monkeypatch.setattr(checkpoint, "save", keep)
    tried.clear()
    run_cells(tmp_path, ["full_finetune"])
    assert set(tried) == {4}
    (record,) = Store(tmp_path).all()
    assert "micro-batches: 4" in record.flags.notes


@pytest.mark.parametrize(
    "where",
    ["bench.engine.group_run.account", "bench.engine.group_run.fit_record", "bench.engine.group_run.build_context"],
)
def test_out_of_memory_outside_of_training(
    where: str, run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(where, full)
    outcome = run_cells(tmp_path, ["linear_probe", "knn"])
    expected = {"linear_probe", "knn"} if "context" in where else {"knn" if "fit" in where else "linear_probe"}
    assert failures(tmp_path) == dict.fromkeys(expected, "out_of_memory")
    assert len(outcome.failed) == len(expected)


def test_a_trial_that_runs_out_of_time_fails_its_cell() -> None:
    """Else the chosen learning rate would depend on how fast the machine is."""
    slow, quick = trial(1e-3, TimeLimit("too slow")), trial(1e-2, None)
    with pytest.raises(TimeLimit):
        choose([slow, quick], HEADLINE)
    diverged = trial(1e-3, NonFiniteLoss("inf"))
    best, described = choose([diverged, quick], HEADLINE)
    assert best is quick
    assert described.trials[0] == {"lr": 1e-3, "error": "non_finite_loss", "epochs": 0}
    with pytest.raises(NonFiniteLoss):
        choose([diverged, diverged], HEADLINE)


def trial(lr: float, error: BenchError | None) -> Trial:
    """A made trial with one finished stage, or with none."""
    job = SimpleNamespace(key=str(lr), epochs=2)
    stages = [] if error else [Trained(job, Progress(epoch=2, best_score=0.5), 1)]  # type: ignore[arg-type]
    return Trial({"lr": lr}, stages, error)


def test_time_limit_is_the_cells_and_not_each_trials(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_epoch = Learner.end_epoch

    def ten_seconds(self: Learner, *args: object) -> None:
        self.progress.seconds = 10.0
        end_epoch(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "end_epoch", ten_seconds)
    run_cells(tmp_path, ["linear_probe", "bitfit"], "quick[epochs=1,lr_grid=[0.1,0.01]]", time_limit=15)
    assert failures(tmp_path) == {"linear_probe": "time_limit", "bitfit": "time_limit"}
    run_cells(tmp_path, ["linear_probe", "bitfit"], "quick[epochs=1,lr_grid=[0.1,0.01]]", time_limit=25)
    assert failures(tmp_path) == {}


def mixed(folder: Path) -> tuple[list[Cell], Settings]:
    """One cell on good images, one on a corrupt one, one on data that are not there."""
    names = [tiny_images(folder, "good"), tiny_images(folder, "corrupt"), "image_folder[path=nowhere]"]
    next((folder / "corrupt").rglob("*.png")).write_bytes(b"no image")
    cells = [Cell.parse(f"{name}/pico/majority/quick/seed=0") for name in names]
    return cells, Settings(results=folder / "runs", data=folder, quiet=True, device="cpu")


def test_cells_with_bad_data_fail_and_the_others_go_on(tmp_path: Path) -> None:
    cells, settings = mixed(tmp_path)
    outcome = run(resolve_all(cells), settings)
    assert outcome.ran == 3
    kinds = {record.cell.split("/")[0]: record.error and record.error.kind for record in Store(settings.results).all()}
    assert {kind for name, kind in kinds.items() if "good" not in name} == {"data_error"}
    assert len(kinds) == 3
    assert len(outcome.failed) == 2
    again = run(resolve_all(cells), settings)
    assert (again.ran, again.up_to_date) == (2, 1)


@pytest.mark.parametrize("which", [[1], [2], [1, 2]])
def test_bad_data_alone_stop_before_anything_is_written(which: list[int], tmp_path: Path) -> None:
    cells, settings = mixed(tmp_path)
    with pytest.raises(DataError):
        run(resolve_all(cells[number] for number in which), settings)
    assert not settings.results.exists()


@pytest.mark.parametrize("point", ["checkpoint", "progress", "predictions", "record"])
def test_a_full_disk_stops_with_a_word_and_breaks_nothing(
    point: str, run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_FAULT", f"full:{point}-writing")
    with pytest.raises(DiskFull, match="disk is full"):
        run_cells(tmp_path, ["linear_probe"])
    monkeypatch.delenv("BENCH_FAULT")
    assert not list(Store(tmp_path).all())
    run_cells(tmp_path, ["linear_probe"])
    assert len(list(Store(tmp_path).all())) == 1


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"device": "cuda:7"}, "device"), ({"executor": "rya"}, "executor"), ({"weights": "x"}, "weights")],
)
def test_wrong_settings_are_said_before_anything_is_written(
    settings: dict[str, object], word: str, run_cells: RunCells, tmp_path: Path
) -> None:
    settings = {key: Path(str(value)) if key == "weights" else value for key, value in settings.items()}
    with pytest.raises(UsageError, match=word):
        run_cells(tmp_path / "results", ["linear_probe"], **settings)
    assert not (tmp_path / "results").exists()


COUNTING = '''
from pathlib import Path

from bench.methods import Method
from bench.methods.parts import plain_head

class Counting(Method):
    """A linear probe that writes a line a step, and may fail in its third or in the making of its head."""

    log: str = ""
    fails: str = ""

    def head(self, spec):
        if self.fails == "head":
            raise ArithmeticError("no head")
        return plain_head(spec)

    def extra_loss(self, model, batch):
        if not model.training:
            return None
        lines = Path(self.log).read_text().splitlines() if Path(self.log).exists() else []
        Path(self.log).write_text("\\n".join([*lines, "step"]))
        if self.fails == "step" and len(lines) == 2:
            raise ArithmeticError("third step")
        return None
'''


@pytest.mark.parametrize("fails", ["step", "head"])
def test_one_faulty_head_falls_out_and_the_others_train_once(
    fails: str, plugin_folder: Path, run_cells: RunCells, tmp_path: Path
) -> None:
    """The others go on in the same pass, with the digits that they have alone."""
    (plugin_folder / "counting.py").write_text(COUNTING)
    use_folders([plugin_folder])
    try:
        good, bad = (f"counting[log={json.dumps(str(tmp_path / name))}" for name in ("good", "bad"))
        run_cells(tmp_path / "both", [f"{good}]", f"{bad},fails={fails}]", "linear_probe"])
        steps = len((tmp_path / "good").read_text().splitlines())
        (tmp_path / "good").unlink()
        run_cells(tmp_path / "alone", [f"{good}]", "linear_probe"])
        assert steps == len((tmp_path / "good").read_text().splitlines())
    finally:
        use_folders([])
    assert failures(tmp_path / "both") == {"counting": "error"}
    both, alone = (list(Store(tmp_path / name).all()) for name in ("both", "alone"))
    done = {record.cell: record.comparable() for record in both if record.status == "done"}
    assert done == {record.cell: record.comparable() for record in alone}
