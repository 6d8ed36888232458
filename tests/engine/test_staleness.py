"""A change makes exactly the affected cells stale, and planning says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bench.cells.cell import Cell
from bench.conformance.tiny import tiny_images
from bench.engine.plan import Planner
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from bench.plugins.folders import use_folders
from bench.records import Store
from bench.tables.stale import _recipe, stale_reason
from tests.engine.conftest import RunCells

PROBE = '''
from bench.methods import Method, PooledLinear

class Mine(Method):
    """A probe of one's own."""

    needs_tokens = False

    def head(self, spec):
        return PooledLinear(spec.features.pooled_dim, spec.outputs)
'''


def reasons(results: Path, weights: Path, *methods: str, recipe: str = "quick[epochs=2]") -> list[str]:
    names = [f"digits[shots=5]/tiny_vit/{method}/{recipe}/seed=0,data_seed=0" for method in methods]
    cells = resolve_all((Cell.parse(name) for name in names), weights)
    return [planned.reason for planned in Planner(Settings(weights=weights)).plan(cells, Store(results))]


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
    assert run_cells(tmp_path, ["mine", "majority"]).failed
    assert Store(tmp_path).get(old.cell) == old
    assert reasons(tmp_path, weights, "mine") == ["failed: error"]
    mine.write_text(PROBE.replace("return Pooled", "assert spec; return Pooled"))
    use_folders([mine.parent])
    assert not run_cells(tmp_path, ["mine"]).failed
    new = Store(tmp_path).get(old.cell)
    assert new is not None
    assert new.fingerprints["method"] != old.fingerprints["method"]
    assert reasons(tmp_path, weights, "mine") == [""]


def test_recipe(run_cells: RunCells, weights: Path, tmp_path: Path, plugin_folder: Path) -> None:
    """A changed learning rate concerns what is trained by it, not what is fitted on frozen features."""
    file = plugin_folder / "brief.toml"
    file.write_text('about = "Brief."\n\n[values]\nepochs = 1\nlr = 1e-3\n')
    use_folders([plugin_folder])
    run_cells(tmp_path, ["linear_probe", "knn"], "brief")
    file.write_text('about = "Brief, in other words."\n\n[values]\nlr = 1e-3\nepochs = 1\n')
    assert reasons(tmp_path, weights, "linear_probe", "knn", recipe="brief") == ["", ""]
    file.write_text('about = "Brief."\n\n[values]\nepochs = 1\nlr = 0.5\n')
    assert reasons(tmp_path, weights, "linear_probe", "knn", recipe="brief") == ["stale: recipe changed", ""]
    assert in_tables(tmp_path) == {"linear_probe": "recipe changed since; run it again", "knn": ""}
    file.write_text('about = "Brief."\n\n[values]\nepochs = 1\nlr = 1e-3\nnormalisation = "clip"\n')
    changed = [f"stale: {what} changed" for what in CHANGED]
    assert reasons(tmp_path, weights, "linear_probe", "knn", recipe="brief") == changed
    assert list(in_tables(tmp_path).values()) == [f"{what} changed since; run it again" for what in CHANGED]


CHANGED = ["recipe", "preprocessing"]


def in_tables(results: Path) -> dict[str, str]:
    """Method -> what tables say of its record."""
    _recipe.cache_clear()
    found = {record.method.name: stale_reason(record) for record in Store(results).all()}
    return {name: found[name] for name in ("linear_probe", "knn")}


def test_data(run_cells: RunCells, weights: Path, tmp_path: Path) -> None:
    dataset, other = tiny_images(tmp_path / "data", "one"), tiny_images(tmp_path / "data", "two")
    cells = [Cell.parse(f"{name}/tiny_vit/majority/quick/seed=0") for name in (dataset, other)]
    settings = Settings(results=tmp_path / "runs", data=tmp_path / "data", weights=weights, quiet=True)
    assert run(resolve_all(cells), settings).ran == 2
    image = next((tmp_path / "data" / "one").rglob("*.png"))
    image.write_bytes(image.read_bytes() + b"changed")
    tasks = Planner(settings).plan(resolve_all(cells), Store(settings.results))
    assert [task.reason for task in tasks] == ["stale: data changed", ""]
