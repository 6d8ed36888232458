"""Killed anywhere, started again: the records of an uninterrupted run."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from compared import assert_same_results

from bench.records import Store
from bench.training import checkpoint
from tests.engine.conftest import RunCells

pytestmark = pytest.mark.slow

METHODS = ["cladapter[k=2]", "linear_probe", "majority"]
KINDS = (
    "disk_cache",
    "group",
    "checkpoint",
    "best",
    "progress",
    "trained",
    "outputs",
    "reported",
    "predictions",
    "record",
)
POINTS = [f"{what}-{when}" for what in KINDS for when in ("writing", "placed")]
POINTS += ["disk_cache-writing:2", "disk_cache-placed:2"]  # features; the first time decoded samples
POINTS += ["predictions-settled", "evaluation-writing", "evaluation-written"]
# later visits of a point, most of them in the second stage of staged fine-tuning
LATER = [
    "checkpoint-placed:3",
    "progress-placed:5",
    "best-writing:3",
    "trained-placed:3",
    "outputs-placed:3",
    "record-placed:2",
]


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a forked process; returns its process number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()  # nobody else will say it
        finally:
            os._exit(code)
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


@pytest.mark.parametrize("point", POINTS + LATER)
def test_kill_at_a_write_point(
    point: str, run_cells: RunCells, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if point.startswith("disk_cache"):
        monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))  # a cold one, so that it is filled
    monkeypatch.setenv("BENCH_FAULT", f"kill:{point}")
    assert status_of(in_child(lambda: run_cells(tmp_path, METHODS))) == -signal.SIGKILL
    monkeypatch.delenv("BENCH_FAULT")
    run_cells(tmp_path, METHODS)
    assert assert_same_results(tmp_path, uninterrupted) == len(METHODS)


@pytest.mark.parametrize("attempt", range(5))
def test_kill_at_a_random_moment(attempt: int, run_cells: RunCells, uninterrupted: Path, tmp_path: Path) -> None:
    delay = random.Random(attempt).uniform(0.1, 2.0)
    for attempts in range(20):
        results = tmp_path / str(attempts)
        child = in_child(lambda: run_cells(results, METHODS))  # noqa: B023 (forked at once)
        time.sleep(delay / 2**attempts)
        os.kill(child, signal.SIGKILL)
        if status_of(child) == -signal.SIGKILL:
            break  # else it was through before: kill the next one sooner
    else:
        pytest.fail("no child was killed")
    run_cells(results, METHODS)
    assert assert_same_results(results, uninterrupted) == len(METHODS)


@pytest.mark.parametrize("point", ["best-writing:3", "trained-placed:2", "outputs-writing"])
def test_short_epochs_share_checkpoints_and_resume_to_the_same_digits(
    point: str, run_cells: RunCells, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_FAULT", f"kill:{point}")
    assert status_of(in_child(lambda: run_cells(tmp_path, METHODS, checkpoint_every=1e9))) == -signal.SIGKILL
    monkeypatch.delenv("BENCH_FAULT")
    kept = [json.loads(file.read_text())["progress"]["epoch"] for file in tmp_path.rglob("progress.json")]
    assert set(kept) == {2}  # none but those of the last epoch
    run_cells(tmp_path, METHODS, checkpoint_every=1e9)
    assert assert_same_results(tmp_path, uninterrupted) == len(METHODS)


@pytest.mark.parametrize("damaged", ["progress.json", "now-*.safetensors", "best-*.safetensors"])
def test_a_damaged_checkpoint_counts_as_none(
    damaged: str, run_cells: RunCells, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a power cut may leave it: checkpoints survive a kill, but are not flushed to the disk."""
    monkeypatch.setenv("BENCH_FAULT", "kill:progress-placed:2")
    assert status_of(in_child(lambda: run_cells(tmp_path, METHODS))) == -signal.SIGKILL
    monkeypatch.delenv("BENCH_FAULT")
    files = list(tmp_path.rglob(damaged))
    for file in files:
        file.write_bytes(file.read_bytes()[:20])
    assert files
    assert not run_cells(tmp_path, METHODS).failed
    assert assert_same_results(tmp_path, uninterrupted) == len(METHODS)


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Interrupt training after some checkpoints; returns the epochs that were finished, as they come."""
    finished: list[int] = []
    keep = checkpoint.save

    def save(folder: Path, learner: checkpoint.Learner) -> None:
        keep(folder, learner)
        finished.append(learner.progress.epoch)
        if len(finished) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", save)
    return finished


def test_resuming_does_not_train_finished_epochs_again(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = stop_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_cells(tmp_path, ["linear_probe"], "quick[epochs=4]")
    assert not list(Store(tmp_path).all())
    run_cells(tmp_path, ["linear_probe"], "quick[epochs=4]")
    assert finished == [1, 2, 3]  # after the last epoch only the selected state is written


def test_checkpoints_wait_for_their_time(run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = stop_after(99, monkeypatch)
    run_cells(tmp_path / "seldom", METHODS, checkpoint_every=1e6)
    assert not written
    run_cells(tmp_path / "often", METHODS, checkpoint_every=0.0)
    assert written == [1, 1, 1]
    assert assert_same_results(tmp_path / "seldom", tmp_path / "often") == len(METHODS)


@pytest.mark.parametrize("backbone", ["tiny_cnn", "tiny_batch_norm_cnn"])
@pytest.mark.parametrize("recipe", ["quick[epochs=3]", "quick[epochs=3,optimizer=sgd]"])
def test_a_cnn_resumes_to_the_same_digits(
    backbone: str, recipe: str, run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cells(tmp_path / "whole", ["full_finetune"], recipe, backbone)
    stop_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_cells(tmp_path / "resumed", ["full_finetune"], recipe, backbone)
    run_cells(tmp_path / "resumed", ["full_finetune"], recipe, backbone)
    assert assert_same_results(tmp_path / "resumed", tmp_path / "whole") == 1


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
