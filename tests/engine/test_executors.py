"""Who carries out groups: in turn here, elsewhere through the shared folder, beside other processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.engine.groups import Group
from bench.engine.settings import Settings
from bench.executors.base import Work
from bench.executors.inline import Inline
from bench.records import Store
from tests.engine.conftest import RunCells

METHODS = ["linear_probe", "full_finetune", "majority"]


def test_what_another_process_is_at_comes_last() -> None:
    groups = [Group(key, ()) for key in ("busy", "free", "busy too")]
    calls: list[tuple[str, bool]] = []

    def work(group: Group, wait: bool) -> bool:
        calls.append((group.key, wait))
        return wait or group.key == "free"

    Inline().execute(groups, Settings(), work)
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

    def held_at_first(self: Inline, groups: Sequence[Group], settings: Settings, work: Work) -> None:
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

    monkeypatch.setattr(Inline, "execute", held_at_first)
    run_cells(tmp_path / "held", METHODS[:2])
    assert order == METHODS[1::-1]
