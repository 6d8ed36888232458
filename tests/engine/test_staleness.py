"""A change makes exactly the affected cells stale, and planning says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bench.cell import Cell
from bench.plan import Planner
from bench.records import Store
from bench.registry import use_folders
from bench.settings import Settings
from tests.engine.conftest import RunCells

PROBE = '''
from bench.methods import Method, PooledLinear

class Mine(Method):
    """A probe of one's own."""

    needs_tokens = False

    def head(self, features, classes):
        return PooledLinear(features.pooled_dim, classes)
'''


def reasons(results: Path, weights: Path, *methods: str) -> list[str]:
    cells = [Cell.parse(f"digits[shots=5]/tiny_vit/{m}/quick[epochs=2]/seed=0") for m in methods]
    return [task.reason for task in Planner(Settings(weights=weights)).plan(cells, Store(results))]


@pytest.fixture
def mine(plugin_folder: Path) -> Path:
    file = plugin_folder / "mine.py"
    file.write_text(PROBE)
    use_folders([plugin_folder])
    yield file
    use_folders([])


def test_code_of_a_method(mine: Path, run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    run_cells(tmp_path, ["mine", "majority"])
    assert reasons(tmp_path, weights, "mine", "majority", "knn") == ["", "", "missing"]
    mine.write_text("# a comment changes nothing\n" + PROBE)
    assert reasons(tmp_path, weights, "mine", "majority") == ["", ""]
    mine.write_text(PROBE.replace("needs_tokens = False", "needs_tokens = True"))
    assert reasons(tmp_path, weights, "mine", "majority") == ["stale: method changed", ""]


def test_weights(run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    run_cells(tmp_path, ["majority"])
    other = tmp_path / "weights"
    other.mkdir()
    file = weights / "tiny_vit.safetensors"
    with safe_open(str(file), framework="pt") as opened:
        metadata = opened.metadata()
    changed = {name: tensor + 1 if name == "norm.bias" else tensor for name, tensor in load_file(file).items()}
    save_file(changed, other / file.name, metadata=metadata)
    assert reasons(tmp_path, other, "majority") == ["stale: weights changed"]


def test_a_stale_record_is_replaced_only_by_success(
    mine: Path, run_cells: RunCells, weights: Path, tmp_path: Path
) -> None:
    run_cells(tmp_path, ["mine"])
    (old,) = Store(tmp_path).all()
    mine.write_text(PROBE.replace("return Pooled", "raise ValueError('broken'); return Pooled"))
    use_folders([mine.parent])
    assert reasons(tmp_path, weights, "mine") == ["stale: method changed"]
    assert Store(tmp_path).get(old.cell) == old
