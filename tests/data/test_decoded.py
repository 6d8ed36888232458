"""The decoded cache: right pixels, built once, never half."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cached import cached, reader
from made_images import class_folders, picture
from PIL import Image

from bench.core.disk_cache import DiskCache
from bench.core.errors import DataError, UsageError
from bench.data.base import Sample
from bench.data.decoded import decoded, decoded_cache
from bench.data.formats.readers import Reader
from bench.data.prepare import Prepared, prepare
from bench.datasets.digits import Digits
from bench.datasets.image_folder import ImageFolder


def made(root: Path, **fields: Any) -> Prepared:
    return prepare(ImageFolder(path="own", **fields), root, 0)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock")


def test_rows_are_the_tables_rows_resized(root: Path) -> None:
    class_folders(root / "own", height=30, width=20)
    prepared = made(root)
    array = cached(prepared, 8)
    assert isinstance(array, np.memmap)
    assert array.shape == (10, 8, 8, 3)
    assert array.dtype == np.uint8
    for row, path in enumerate(prepared.table["path"]):
        image = Image.open(root / "own" / path).resize((8, 8), Image.Resampling.BILINEAR)
        assert np.array_equal(array[row], np.asarray(image))


def test_the_array_is_read_only(root: Path) -> None:
    array = cached(prepare(Digits(), root, 0), 32, "bicubic")
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_smaller_square_images_stay_native(root: Path) -> None:
    assert cached(prepare(Digits(), root, 0), 32, "bicubic").shape == (1797, 8, 8, 3)
    assert cached(prepare(Digits(), root, 0), 4, "bicubic").shape == (1797, 4, 4, 3)


@pytest.mark.parametrize(("height", "width"), [(10, 12), (32, 20)])
def test_other_images_are_resized(root: Path, height: int, width: int) -> None:
    class_folders(root / "own", height=height, width=width)
    assert cached(made(root), 32, "bicubic").shape == (10, 32, 32, 3)


def test_one_odd_image_makes_all_resized(root: Path) -> None:
    class_folders(root / "own", height=8, width=8)
    picture(root / "own" / "c1" / "4.png", 1, height=9, width=9)
    assert cached(made(root), 16, "bicubic").shape == (10, 16, 16, 3)


def test_all_protocols_and_subsets_share_one_array(root: Path) -> None:
    class_folders(root / "own")
    for fields in ({}, {"shots": 1}, {"fraction": 0.5}):
        cached(made(root, **fields), 8)
    assert len(list(decoded_cache().folder.glob("*/array.npy"))) == 1


def test_a_changed_file_or_parameter_makes_a_new_array(root: Path) -> None:
    class_folders(root / "own", height=20, width=20)
    before = cached(made(root), 8).copy()
    cached(made(root), 8, "bicubic")
    cached(made(root), 8, resize="crop")
    cached(made(root), 9)
    picture(root / "own" / "c0" / "0.png", 99, height=20, width=20)
    after = cached(made(root), 8)
    assert len(list(decoded_cache().folder.glob("*/array.npy"))) == 5
    assert not np.array_equal(before[0], after[0])
    assert np.array_equal(before[1:], after[1:])


def noting(reader: Reader, note: Callable[[Sample], object]) -> Reader:
    """The same reader, which notes every sample that it decodes."""
    return replace(reader, load=lambda sample: (note(sample), reader.load(sample))[1])


def test_a_second_call_decodes_nothing(root: Path) -> None:
    class_folders(root / "own")
    prepared = made(root)
    decodes: list[Sample] = []
    reads = noting(reader(prepared, 8), decodes.append)
    first = decoded(prepared, reads)
    assert len(decodes) == 10
    assert np.array_equal(decoded(prepared, reads), first)
    assert len(decodes) == 10


def test_a_corrupt_image_is_named_and_nothing_is_left(root: Path) -> None:
    class_folders(root / "own", height=40, width=40)
    broken = root / "own" / "c1" / "2.png"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(DataError, match=r"c1/2\.png"):
        cached(made(root), 8)
    assert files(decoded_cache().folder) == []


def test_what_a_killed_process_left_is_cleared(root: Path) -> None:
    class_folders(root / "own")
    prepared = made(root)
    cached(prepared, 8)
    (place,) = decoded_cache().folder.glob("*/")
    (place / "array.npy").unlink()
    (place / "about.json").unlink()
    (place / "array.tmp").write_bytes(b"half")
    cached(prepared, 8)
    assert sorted(file.name for file in place.iterdir()) == ["about.json", "array.npy"]
    about = json.loads((place / "about.json").read_text())
    assert about["shape"] == [10, 8, 8, 3]
    assert about["name"] == "image_folder"
    assert about["key"] == reader(prepared, 8).key


def _build(root: Path, notes: Path, start: Any, results: Any) -> None:
    prepared = made(root)
    start.wait()
    reads = noting(reader(prepared, 8), lambda _: (notes / f"built-{os.getpid()}").touch())
    results.put(int(decoded(prepared, reads, quiet=True).astype(int).sum()))


def test_several_processes_build_one_array(root: Path, tmp_path: Path) -> None:
    class_folders(root / "own", classes=3, each=20)
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(3), context.Queue()
    workers = [context.Process(target=_build, args=(root, tmp_path, start, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    sums = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(timeout=60)
    assert len(sums) == 1
    assert len(list(tmp_path.glob("built-*"))) == 1
    assert len(list(decoded_cache().folder.glob("*/array.npy"))) == 1


def _build_with_fault(prepared: Prepared, fault: str) -> None:
    os.environ["BENCH_FAULT"] = fault
    cached(prepared, 8)


@pytest.mark.parametrize("point", ["disk_cache-writing", "disk_cache-written", "disk_cache-placed"])
def test_killed_while_building_the_next_run_builds(root: Path, point: str) -> None:
    class_folders(root / "own")
    prepared = made(root)
    builder = multiprocessing.get_context("fork").Process(target=_build_with_fault, args=(prepared, f"kill:{point}"))
    builder.start()
    builder.join(timeout=60)
    assert builder.exitcode == -signal.SIGKILL
    (place,) = decoded_cache().folder.glob("*/")
    assert (place / "array.npy").is_file() == (point == "disk_cache-placed")
    array = cached(prepared, 8)
    first = Image.open(root / "own" / "c0" / "0.png").resize((8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(array[0], np.asarray(first))
    assert sorted(file.name for file in place.iterdir()) == ["about.json", "array.npy"]


def test_an_array_over_the_limit_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(Digits(), root, 0)
    monkeypatch.setenv("BENCH_CACHE_LIMIT_GB", "0.00001")
    with pytest.raises(UsageError, match=r"more than the limit of 1e-05 GB.*BENCH_CACHE_LIMIT_GB"):
        cached(prepared, 32, "bicubic")
    monkeypatch.setenv("BENCH_CACHE_LIMIT_GB", "much")
    with pytest.raises(UsageError, match="must be a number"):
        cached(prepared, 32, "bicubic")
    monkeypatch.delenv("BENCH_CACHE_LIMIT_GB")
    assert files(decoded_cache().folder) == []


def test_another_cache_may_be_given(root: Path, tmp_path: Path) -> None:
    prepared = prepare(Digits(), root, 0)
    decoded(prepared, reader(prepared, 32), cache=DiskCache(tmp_path / "here", 10**9, ""))
    assert files(tmp_path / "here") == ["about.json", "array.npy"]
    assert files(decoded_cache().folder) == []
