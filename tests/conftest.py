"""Every test run has its own caches and no plug-in folders of the person who runs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from bench.core.speed import set_before_torch

if TYPE_CHECKING:
    from bench.engine.run import Done

# Before torch is imported anywhere: workers on few cores must not fight for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
set_before_torch()
# What a terminal says of itself is no part of a test.
for _name in ("FORCE_COLOR", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# A loaded machine is slow, not wrong. `--hypothesis-profile full` tries more (tox -e full).
settings.register_profile("fast", deadline=None, max_examples=30)
settings.register_profile("full", deadline=None, max_examples=1000)
settings.load_profile("fast")


@pytest.fixture(scope="session", autouse=True)
def _own_caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["BENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("BENCH_PLUGINS", None)


@pytest.fixture
def plugin_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder for a test's own plug-ins; none is in use afterwards."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    yield folder
    from bench.plugins.folders import use_folders

    use_folders([])


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with `tiny_vit`, `tiny_cnn` and `tiny_batch_norm_cnn`."""
    folder = tmp_path_factory.mktemp("weights")
    from bench.conformance.tiny import tiny_weights

    for kind in ("vit", "cnn", "batch_norm_cnn"):
        tiny_weights(folder, kind)
    return folder


@pytest.fixture
def run_cells(weights: Path) -> Callable[..., Done]:
    """run_cells(results, methods, ...) -> Done: runs methods on digits, 5 shots, or another data set."""

    def go(
        results: Path,
        methods: list[str],
        recipe: str = "quick[epochs=2]",
        backbone: str = "tiny_vit",
        seeds: tuple[int, ...] = (0,),
        dataset: str = "digits[shots=5]",
        **settings: object,
    ) -> Done:
        from bench.cells.cell import Cell
        from bench.engine.run import run
        from bench.engine.settings import Settings
        from bench.grid.resolve import resolve_all

        names = [
            f"{dataset}/{backbone}/{method}/{recipe}/seed={seed},data_seed=0" for method in methods for seed in seeds
        ]
        chosen = {
            "results": results,
            "weights": weights,
            "quiet": True,
            "device": "cpu",
            "checkpoint_every": 0.0,
            **settings,
        }
        cells = resolve_all((Cell.parse(name) for name in names), Path(chosen["weights"]))  # type: ignore[arg-type]
        return run(cells, Settings(**chosen))  # type: ignore[arg-type]

    return go
