"""What the disk cache may hold decides what is computed again, and no digit of a fused run against one by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compared import assert_same_results

from bench.conformance.tiny_text import tiny_clip
from bench.core.errors import UsageError
from bench.records import Store
from tests.engine.conftest import RunCells


def test_what_fits_decides_for_each_method_alone(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pooled training features fit, tokens do not: the probe reads the cache, beside CLAdapter as by itself."""
    methods = ["linear_probe", "cladapter[k=2,tuning=frozen]"]
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    run_cells(tmp_path / "fused", methods, cache_gb=3e-5)
    kept = {file.stem: np.load(file).shape for file in (tmp_path / "cache" / "features").rglob("*.npy")}
    assert kept == {"pooled": (50, 64)}  # of the training split
    run_cells(tmp_path / "alone", methods, cache_gb=3e-5, fuse=False)
    assert assert_same_results(tmp_path / "fused", tmp_path / "alone") == 2


def test_a_view_that_cannot_be_kept_is_refused(run_cells: RunCells, tmp_path: Path) -> None:
    outcome = run_cells(tmp_path, ["linear_probe"], "quick[epochs=1,augment=flip,views=2]", cache_gb=0.0)
    assert "--cache-gb" in next(iter(outcome.failed.values()))
    assert UsageError.kind == Store(tmp_path).failure(outcome.cells[0]).error.kind


def test_text_that_cannot_be_kept_is_encoded_again(run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    tiny_clip(weights)
    for name, room in (("kept", 1.0), ("live", 0.0)):
        done = run_cells(tmp_path / name, ["zero_shot"], "quick", "tiny_clip", cache_gb=room)
        assert done.failed == {}
    assert assert_same_results(tmp_path / "kept", tmp_path / "live") == 1
