"""A small world for the engine: digits, tiny random backbones, one place for weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cells.cell import Cell
from bench.conformance.tiny import tiny_weights
from bench.engine.run import Done, run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all

RunCells = Callable[..., Done]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with `tiny_vit`, `tiny_cnn` and `tiny_batch_norm_cnn`."""
    folder = tmp_path_factory.mktemp("weights")
    for kind in ("vit", "cnn", "batch_norm_cnn"):
        tiny_weights(folder, kind)
    return folder


@pytest.fixture
def run_cells(weights: Path) -> RunCells:
    """run_cells(results, methods, ...) -> Done: runs methods on digits, 5 shots."""

    def go(
        results: Path,
        methods: list[str],
        recipe: str = "quick[epochs=2]",
        backbone: str = "tiny_vit",
        seeds: tuple[int, ...] = (0,),
        **settings: object,
    ) -> Done:
        names = [
            f"digits[shots=5]/{backbone}/{method}/{recipe}/seed={seed},data_seed=0"
            for method in methods
            for seed in seeds
        ]
        chosen = {"results": results, "weights": weights, "quiet": True, "device": "cpu", **settings}
        cells = resolve_all((Cell.parse(name) for name in names), Path(chosen["weights"]))  # type: ignore[arg-type]
        return run(cells, Settings(**chosen))  # type: ignore[arg-type]

    return go
