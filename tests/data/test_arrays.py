"""Rows of arrays in npz files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.core.errors import DataError
from bench.data.formats.arrays import npz_array


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(6), y=np.arange(3), z=np.arange(2))
    return tmp_path / "a.npz"


def test_arrays_are_read_once_and_two_are_kept(file: Path) -> None:
    first = npz_array(file, "x")
    assert npz_array(file, "x") is first
    second = npz_array(file, "y")
    assert npz_array(file, "x") is first
    third = npz_array(file, "z")
    assert npz_array(file, "y") is second
    assert npz_array(file, "z") is third
    assert npz_array(file, "x") is not first


def test_a_changed_file_is_read_again(file: Path) -> None:
    assert npz_array(file, "x").tolist() == [0, 1, 2, 3, 4, 5]
    np.savez(file, x=np.arange(2))
    os.utime(file, ns=(1, 1))
    assert npz_array(file, "x").tolist() == [0, 1]


def test_threads_may_ask_at_once(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(lambda n: int(npz_array(file, "xyz"[n % 3]).sum()), range(60)))
    assert sums == [15, 3, 1] * 20


def test_a_missing_array_or_pickle_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"w from .*a\.npz"):
        npz_array(file, "w")
    np.savez(tmp_path / "p.npz", x=np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"p\.npz"):
        npz_array(tmp_path / "p.npz", "x")
