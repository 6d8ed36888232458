"""A tiny run gives the numbers it always gave: when it does not, ``ENGINE_VERSION`` must rise.

After a meant change: raise it in ``bench/core/numerics.py``, then record anew with
``BENCH_RECORD_GOLDEN=1 pytest tests/engine/test_golden.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.core.numerics import ENGINE_VERSION
from bench.records import Store
from tests.engine.conftest import RunCells

GOLDEN = Path(__file__).parent.parent / "fixtures" / "golden.json"
METHODS = ["linear_probe", "cladapter[k=2]", "full_finetune", "ridge"]


@pytest.fixture
def numbers(run_cells: RunCells, tmp_path: Path) -> dict[str, Any]:
    """Losses and metrics of a few augmented cells on a tiny random backbone."""
    run_cells(tmp_path, METHODS, "paper[epochs=2]")
    return {
        record.method.name: [
            {"curves": stage.curves, "test": {m: stage.metrics["test"][m] for m in ("accuracy", "nll")}}
            for stage in record.stages
        ]
        for record in Store(tmp_path).all()
    }


def test_a_tiny_run_gives_the_numbers_of_this_version(numbers: dict[str, Any]) -> None:
    """To within rounding, which other machines and libraries change; a changed stream or rule is far beyond it."""
    if os.environ.get("BENCH_RECORD_GOLDEN"):
        GOLDEN.write_text(json.dumps({"engine": ENGINE_VERSION, "numbers": numbers}, indent=1) + "\n")
    golden = json.loads(GOLDEN.read_text())
    assert golden["engine"] == ENGINE_VERSION, "record the golden run of the new version"
    assert numbers.keys() == golden["numbers"].keys()
    for method, stages in golden["numbers"].items():
        for found, expected in zip(numbers[method], stages, strict=True):
            assert found["test"]["nll"] == pytest.approx(expected["test"]["nll"], rel=2e-3), method
            assert found["curves"].keys() == expected["curves"].keys()
            for name in {"lr", "train_loss", "val_loss"} & expected["curves"].keys():  # accuracy jumps by samples
                expected_curve = pytest.approx(expected["curves"][name], rel=2e-3)
                assert found["curves"][name] == expected_curve, (method, name)
