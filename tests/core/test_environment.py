"""Runs ask for the same bits every time, and leave the process as they found it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from bench.core.environment import determinism


def state() -> dict[str, Any]:
    """Everything that decides how torch computes."""
    return {
        "debug": torch.get_deterministic_debug_mode(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "benchmark": torch.backends.cudnn.benchmark,
        "cudnn": torch.backends.cudnn.deterministic,
        "tf32": torch.backends.cudnn.allow_tf32,
        "precision": torch.get_float32_matmul_precision(),
        "cublas": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    }


INSIDE = {
    "debug": 2, "fill": False, "benchmark": False, "cudnn": True, "tf32": False, "precision": "highest",
    "cublas": ":4096:8",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    with determinism():  # its own restoring is what the tests below look at, from the outside
        yield


@pytest.mark.parametrize("notebook", ["fresh", "other"])
def test_settings_hold_inside_and_are_restored(notebook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_deterministic_debug_mode("default" if notebook == "fresh" else "warn")
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.deterministic = False
    torch.set_float32_matmul_precision("highest" if notebook == "fresh" else "high")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = state()
    with determinism():
        assert state() == INSIDE
    assert state() == before
    assert before["cublas"] is None


def unpool() -> None:
    """An operation that has no deterministic form."""
    torch.nn.functional.max_unpool2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2, dtype=torch.int64), 2)


def test_settings_are_restored_after_an_error_too() -> None:
    torch.set_deterministic_debug_mode("default")
    before = state()
    with pytest.raises(RuntimeError, match="deterministic"), determinism():
        unpool()
    assert state() == before


def test_an_operation_without_a_deterministic_form_raises() -> None:
    torch.set_deterministic_debug_mode("default")
    unpool()
    with determinism(), pytest.raises(RuntimeError, match="deterministic"):
        unpool()
    with determinism():
        empty = torch.empty(2**20)
    assert not empty.isnan().all()  # filling would make every number of it NaN
