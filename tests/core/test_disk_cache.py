"""Kept arrays: computed once, evicted by last use, never broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from bench.core.atomic import DiskFull
from bench.core.disk_cache import Arrays, DiskCache, Layout
from bench.core.errors import UsageError

LAYOUT = {"a": Layout((10, 3), "float32")}
ENTRY = 10 * 3 * 4 + 128 + 64  # bytes of the array, its header and what tells people of it, at most


def rows(value: float) -> Iterator[Arrays]:
    for count in (4, 4, 2):
        yield {"a": np.full((count, 3), value, dtype=np.float32)}


def get(disk_cache: DiskCache, number: int) -> np.ndarray:
    return disk_cache.get({"number": number}, LAYOUT, lambda: rows(number))["a"]


def entries(disk_cache: DiskCache) -> list[Path]:
    return sorted((place for place in disk_cache.folder.iterdir() if place.is_dir()), key=lambda p: p.stat().st_mtime)


def test_an_array_is_computed_once(tmp_path: Path) -> None:
    disk_cache, calls = DiskCache(tmp_path, 10**6, "--limit"), []

    def compute() -> Iterator[Arrays]:
        calls.append(1)
        return rows(7)

    for _ in range(2):
        found = disk_cache.get({"x": 1}, LAYOUT, compute)["a"]
        np.testing.assert_array_equal(found, np.full((10, 3), 7, dtype=np.float32))
    assert calls == [1]
    assert found.dtype == np.float32


def test_what_is_missing_is_added(tmp_path: Path) -> None:
    disk_cache = DiskCache(tmp_path, 10**6, "--limit")
    disk_cache.get({"x": 1}, LAYOUT, lambda: rows(7))
    both = {**LAYOUT, "b": Layout((10,), "uint8")}
    seen = []

    def compute() -> Iterator[Arrays]:
        for part in rows(9):
            seen.append(part)
            yield {**part, "b": np.arange(len(part["a"]), dtype=np.uint8)}

    found = disk_cache.get({"x": 1}, both, compute)
    assert (found["a"] == 7).all()
    assert found["b"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_the_least_recently_used_goes_first_and_a_mapped_one_stays_readable(tmp_path: Path) -> None:
    disk_cache = DiskCache(tmp_path, 2 * ENTRY, "--limit")
    first, second = get(disk_cache, 1), get(disk_cache, 2)
    for age, place in enumerate(entries(disk_cache)):
        os.utime(place, (1000 + age, 1000 + age))
    get(disk_cache, 1)  # used again, so that 2 is the older one
    get(disk_cache, 3)
    assert len(entries(disk_cache)) == 2
    assert (first == 1).all()
    assert (second == 2).all()
    computed: list[int] = []
    disk_cache.get({"number": 1}, LAYOUT, lambda: (computed.append(1), rows(1))[1])
    disk_cache.get({"number": 2}, LAYOUT, lambda: (computed.append(2), rows(2))[1])
    assert computed == [2]


def test_an_entry_that_another_process_holds_is_not_evicted(tmp_path: Path) -> None:
    disk_cache = DiskCache(tmp_path, ENTRY, "--limit")
    get(disk_cache, 1)
    [held] = entries(disk_cache)
    with FileLock(tmp_path / f"{held.name}.lock", is_singleton=False):
        get(disk_cache, 2)
        assert held in entries(disk_cache)
    get(disk_cache, 3)
    assert held not in entries(disk_cache)


def test_a_full_disk_leaves_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_cache = DiskCache(tmp_path, 10**6, "--limit")
    monkeypatch.setenv("BENCH_FAULT", "full:disk_cache-writing")
    with pytest.raises(DiskFull, match="disk is full"):
        get(disk_cache, 1)
    assert not list(tmp_path.rglob("*.npy"))
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.delenv("BENCH_FAULT")
    assert (get(disk_cache, 1) == 1).all()


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mmap length|holds"):
        DiskCache(tmp_path, 10**6, "--limit").get({}, {"a": Layout((11, 3), "float32")}, lambda: rows(1))
    assert not list(tmp_path.rglob("*.npy"))


def test_room_is_made_before_an_entry_is_filled(tmp_path: Path) -> None:
    disk_cache = DiskCache(tmp_path, ENTRY, "--limit")
    get(disk_cache, 1)
    [old] = entries(disk_cache)
    there: list[bool] = []
    disk_cache.get({"number": 2}, LAYOUT, lambda: (there.append(old.exists()), rows(2))[1])
    assert there == [False]


def test_what_is_larger_than_the_limit_is_refused_and_nothing_goes_for_it(tmp_path: Path) -> None:
    disk_cache = DiskCache(tmp_path, ENTRY, "--limit")
    get(disk_cache, 1)
    large = {"a": Layout((1000, 3), "float32")}
    assert not disk_cache.fits(large)
    with pytest.raises(UsageError, match=r"needs 12,000 bytes, more than the limit of .* GB\. Raise --limit"):
        disk_cache.get({"number": 2}, large, lambda: rows(2))
    assert len(entries(disk_cache)) == 1


def test_a_full_disk_is_seen_before_anything_is_computed(tmp_path: Path) -> None:
    huge = {"a": Layout((10**17,), "uint8")}
    with pytest.raises(DiskFull, match=r"needs 100000000\.0 GB; .* free\. Free some space"):
        DiskCache(tmp_path, 10**18, "--limit").get({}, huge, lambda: pytest.fail("computed"))
    assert entries(DiskCache(tmp_path, 0, "")) == []


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    def failing() -> Iterator[Arrays]:
        yield {"b": np.zeros((4, 3), dtype=np.float32)}
        raise ArithmeticError

    disk_cache = DiskCache(tmp_path, 10**6, "--limit")
    get(disk_cache, 1)
    for number in (1, 2):
        with pytest.raises(ArithmeticError):
            disk_cache.get({"number": number}, {"b": LAYOUT["a"]}, failing)
        found = [file.name for place in entries(disk_cache) for file in place.iterdir()]
        assert sorted(found) == ["a.npy", "about.json"]
