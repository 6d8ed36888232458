"""Killed anywhere, started again: the records of an uninterrupted run."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from compared import assert_same_results

from bench.records import Store
from bench.training import checkpoint
from tests.engine.conftest import RunCells

METHODS = ["cladapter[k=2]", "linear_probe", "majority"]
POINTS = [
    f"{what}-{when}"
    for what in ("checkpoint", "progress", "trained", "logits", "reported", "predictions", "record")
    for when in ("writing", "placed")
]


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a forked process; returns its process number."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def status_of(child: int) -> int:
    """Wait for a child; minus the signal's number when a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The place for the uninterrupted run's records."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def uninterrupted(whole: Path, run_cells: RunCells) -> Path:
    """The uninterrupted run, made once."""
    run_cells(whole, METHODS)
    return whole


@pytest.mark.parametrize("point", POINTS)
def test_kill_at_a_write_point(
    point: str, run_cells: RunCells, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_FAULT", f"kill:{point}")
    assert status_of(in_child(lambda: run_cells(tmp_path, METHODS))) == -signal.SIGKILL
    monkeypatch.delenv("BENCH_FAULT")
    run_cells(tmp_path, METHODS)
    assert assert_same_results(tmp_path, uninterrupted) == len(METHODS)


@pytest.mark.parametrize("attempt", range(5))
def test_kill_at_a_random_moment(attempt: int, run_cells: RunCells, uninterrupted: Path, tmp_path: Path) -> None:
    child = in_child(lambda: run_cells(tmp_path, METHODS))
    time.sleep(random.Random(attempt).uniform(0.1, 2.0))
    os.kill(child, signal.SIGKILL)
    status_of(child)
    run_cells(tmp_path, METHODS)
    assert assert_same_results(tmp_path, uninterrupted) == len(METHODS)


def test_resuming_does_not_train_finished_epochs_again(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    keep = checkpoint.save

    def stop_after_two(folder: Path, learner: checkpoint.Learner) -> None:
        keep(folder, learner)
        epochs.append(learner.progress.epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        run_cells(tmp_path, ["linear_probe"], "quick[epochs=4]")
    assert not list(Store(tmp_path).all())
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=4]")
    assert epochs == [1, 2, 3, 4]


def test_four_processes_share_a_folder(run_cells: RunCells, uninterrupted: Path, tmp_path: Path) -> None:
    children = [in_child(lambda: run_cells(tmp_path, METHODS)) for _ in range(4)]
    assert [status_of(child) for child in children] == [0] * 4
    assert assert_same_results(tmp_path, uninterrupted) == len(METHODS)


def test_again_does_nothing_and_a_new_seed_runs_alone(run_cells: RunCells, tmp_path: Path) -> None:
    assert run_cells(tmp_path, ["linear_probe", "knn"]).ran == 2
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("seed=*")}
    assert run_cells(tmp_path, ["linear_probe", "knn"]).ran == 0
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("seed=*")}
    assert run_cells(tmp_path, ["linear_probe", "knn"], seeds=(0, 1)).ran == 2
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in before.items())


def test_checkpoints_go_when_records_are_written(run_cells: RunCells, tmp_path: Path) -> None:
    run_cells(tmp_path, METHODS)
    assert not list(tmp_path.rglob("*.safetensors"))
