"""Killed writers, full disks and several writers at once: what is read is always whole."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from made_records import done, failed

from bench.core.atomic import DiskFull, sweep
from bench.records import Store

NAME = "digits/pico/cladapter/quick/seed=0"
POINTS = [
    *(f"predictions-{step}" for step in ("writing", "written", "placed", "settled")),
    *(f"record-{step}" for step in ("writing", "written", "placed")),
]


def in_child(action: Callable[..., object], *args: object) -> BaseProcess:
    """Start ``action`` in a forked process, which takes milliseconds where a fresh interpreter takes seconds."""
    process = multiprocessing.get_context("fork").Process(target=action, args=args)
    process.start()
    return process


def put_with_fault(folder: Path, right: int, fault: str) -> None:
    os.environ["BENCH_FAULT"] = fault
    Store(folder).put(*done(NAME, right=(right,)))


def whole(store: Store) -> int | None:
    """Correct samples of the stored record, after checking that record and predictions belong together."""
    if store.get(NAME) is None:
        return None
    record, arrays = store.pair(NAME)
    hits = int((arrays["stage1/test/logits"].argmax(1) == arrays["test/targets"]).sum())
    assert record.metrics["test"]["accuracy"] == hits / 100
    return hits


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("older", [None, 50])
def test_killed_at_any_point_the_old_or_the_new_record_is_whole(tmp_path: Path, point: str, older: int | None) -> None:
    store = Store(tmp_path)
    if older:
        store.put(*done(NAME, right=(older,)))
        store.put_failure(failed(NAME))
    writer = in_child(put_with_fault, tmp_path, 80, f"kill:{point}")
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    placed = point in ("record-placed", "predictions-settled")
    assert whole(store) == (80 if placed else older)
    store.put(*done(NAME, right=(90,)))  # the same command again
    assert whole(store) == 90
    assert store.failure(NAME) is None
    sweep(store.path(NAME).parent, older_than=float("inf"))
    assert {path.name for path in store.path(NAME).parent.iterdir()} == {"seed=0.json", "seed=0.npz"}


@pytest.mark.parametrize("point", [point for point in POINTS if point.endswith(("writing", "written"))])
def test_a_full_disk_leaves_the_older_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    store = Store(tmp_path)
    store.put(*done(NAME, right=(50,)))
    monkeypatch.setenv("BENCH_FAULT", f"full:{point}")
    with pytest.raises(DiskFull, match="disk is full"):
        store.put(*done(NAME, right=(80,)))
    monkeypatch.delenv("BENCH_FAULT")
    assert whole(store) == 50
    store.put(*done(NAME, right=(80,)))
    assert whole(store) == 80


@pytest.mark.parametrize("point", ["failure-writing", "failure-written"])
def test_a_full_disk_on_a_failure_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    monkeypatch.setenv("BENCH_FAULT", f"full:{point}")
    with pytest.raises(DiskFull, match="disk is full"):
        Store(tmp_path).put_failure(failed(NAME))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]


def put_many(folder: Path, number: int) -> None:
    store = Store(folder)
    for turn in range(8):
        store.put(*done(NAME, right=(10 * number + turn,)))
        store.put(*done(f"digits/pico/linear_probe/quick/seed={100 * number + turn}"))


def test_four_processes_in_one_folder(tmp_path: Path) -> None:
    """Four writers race on the same cell and write cells of their own, while this process reads."""
    writers = [in_child(put_many, tmp_path, number) for number in range(4)]
    store, seen = Store(tmp_path), set()
    while any(writer.is_alive() for writer in writers):
        seen.add(whole(store))
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert seen <= {None, *(10 * number + turn for number in range(4) for turn in range(8))}
    cells = [record.cell for record in store.all()]
    assert len(cells) == 1 + 4 * 8
    assert all(store.predictions(cell) for cell in cells)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-") or path.suffix == ".new"]


def test_stray_temporary_files_are_swept_once_old(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(*done(NAME))
    folder = store.path(NAME).parent
    old, young = folder / ".tmp-1-aaaa.json", folder / ".tmp-2-bbbb.json"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    store.put(*done(NAME))
    assert not old.exists()
    assert young.exists()
