"""What goes wrong in one cell is a typed record; the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from compared import assert_same_results

from bench.atomic import DiskFull
from bench.errors import UsageError
from bench.records import Store
from bench.registry import use_folders
from bench.training.learner import Learner
from tests.engine.conftest import RunCells

EXPLODING = '''
import torch
from bench.methods import Method, PooledLinear

class Exploding(Method):
    """A penalty that is not a number, or an error, or nothing."""

    what: str = "nan"

    def head(self, features, classes):
        return PooledLinear(features.pooled_dim, classes)

    def penalty(self, model, start):
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
        tried.append(self.micro_batches)
        if condition == "always" or self.micro_batches < 4:
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
    assert record.flags.notes == ["micro-batches: 4"]


def test_out_of_memory_splits_a_group_without_changing_a_digit(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = ["linear_probe", "cladapter[k=2,tuning=frozen]", "cladapter[k=3,tuning=frozen]"]
    run_cells(tmp_path / "whole", methods)
    made: list[Learner] = []
    init, step = Learner.__init__, Learner.step

    def counted(self: Learner, *args: object) -> None:
        made.append(self)
        init(self, *args)  # type: ignore[arg-type]

    def limited(self: Learner, *args: object) -> None:
        if len(made) == 3:  # all three heads at once
            raise MemoryError
        step(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "__init__", counted)
    monkeypatch.setattr(Learner, "step", limited)
    run_cells(tmp_path / "split", methods)
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
