"""Who carries out groups: in turn here, elsewhere through the shared folder, beside other processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from compared import assert_same_results

from bench.engine.groups import Group
from bench.engine.settings import Settings
from bench.executors import base as executors
from bench.executors.base import Work, inline
from bench.records import Store
from tests.engine.conftest import RunCells

METHODS = ["linear_probe", "full_finetune", "majority"]
ELSEWHERE = """
import pickle, sys
from bench.engine.run import run
cells, settings = pickle.loads(sys.stdin.buffer.read())
run(cells, settings)
"""


def test_an_executor_of_other_processes_gives_the_same_records(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells and settings are all that a process elsewhere needs."""
    import pickle

    def processes(groups: Sequence[Group], settings: Settings, work: Work) -> None:
        for group in groups:
            message = pickle.dumps((group.cells, replace(settings, executor="inline")))
            subprocess.run([sys.executable, "-c", ELSEWHERE], input=message, check=True)

    monkeypatch.setitem(executors.EXECUTORS, "processes", processes)
    outcome = run_cells(tmp_path / "there", METHODS, executor="processes")
    assert (outcome.ran, outcome.failed) == (3, {})
    run_cells(tmp_path / "here", METHODS)
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 3


def test_what_another_process_is_at_comes_last() -> None:
    groups = [Group(key, ()) for key in ("busy", "free", "busy too")]
    calls: list[tuple[str, bool]] = []

    def work(group: Group, wait: bool) -> bool:
        calls.append((group.key, wait))
        return wait or group.key == "free"

    inline(groups, Settings(), work)
    expected = [("busy", False), ("free", False), ("busy too", False), ("busy", True), ("busy too", True)]
    assert calls == expected


def test_a_locked_group_is_left_for_later(run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process trains one group, this one does the other, and takes up what the first has left."""
    from filelock import FileLock

    order: list[str] = []
    put = Store.put

    def noted(self: Store, record: object, predictions: object) -> object:
        order.append(record.method.name)  # type: ignore[attr-defined]
        return put(self, record, predictions)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "put", noted)
    run_cells(tmp_path / "free", METHODS[:2])
    assert order == METHODS[:2]
    order.clear()
    held: list[FileLock] = []

    def held_at_first(groups: Sequence[Group], settings: Settings, work: Work) -> None:
        import hashlib

        name = hashlib.sha256(groups[0].key.encode()).hexdigest()[:24]
        folder = settings.results / ".checkpoints"
        folder.mkdir(parents=True)
        held.append(FileLock(folder / f"{name}.lock", is_singleton=False))
        held[0].acquire()
        first, second = (work(group, False) for group in groups)
        held[0].release()
        assert (first, second) == (False, True)
        assert work(groups[0], True)

    monkeypatch.setitem(executors.EXECUTORS, "held", held_at_first)
    run_cells(tmp_path / "held", METHODS[:2], executor="held")
    assert order == METHODS[1::-1]
