"""Searches: any field that decides how steps are taken, as many trials for every method, drawn alike when resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench
from bench.api.table import make
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.cells.recipes import points
from bench.cells.search import axes
from bench.core.errors import UsageError
from bench.engine.plan import Planner
from bench.engine.run import Done
from bench.engine.saved_model_facts import read_facts
from bench.engine.settings import Settings
from bench.grid.resolve import resolve as resolve_cell
from bench.grid.suite import from_variables
from bench.plugins.recipe_files import resolve
from bench.records import Store
from bench.records.files import weights_beside
from bench.tables.by_group import by_group

RunCells = Callable[..., Done]
SPACE = 'search=["lora.rank=2|8","lr=0.001|0.03"]'


def test_every_combination_or_as_many_as_asked_and_the_same_again() -> None:
    recipe = resolve(Spec("quick", {"search": ["lora.rank=2|8", "lr=0.001|0.03"]}))
    assert points(recipe, "lora", False) == [
        {"lora.rank": rank, "lr": lr} for rank in (2, 8) for lr in (0.001, 0.03)
    ]  # fmt: skip
    assert points(recipe, "linear_probe", False) == [{"lr": 0.001}, {"lr": 0.03}]
    drawn = resolve(Spec("quick", {"search": ["lr=0.0001..0.1", "lora.rank=2..32"], "trials": 5}))
    first, again, other = (points(drawn, "lora", False, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(points(drawn, "linear_probe", False)) == len(first) == 5
    assert all(0.0001 <= point["lr"] <= 0.1 and 2 <= point["lora.rank"] <= 32 for point in first)
    assert all(isinstance(point["lora.rank"], int) for point in first)


def test_a_range_is_drawn_evenly_on_a_log_scale() -> None:
    drawn = resolve(Spec("quick", {"search": ["lr=0.0001..0.1"], "trials": 400}))
    decades = np.log10([point["lr"] for point in points(drawn, "lora", False)])
    assert np.abs(np.histogram(decades, bins=[-4, -3, -2, -1])[0] - 400 / 3).max() < 40


def test_the_backbones_rate_is_searched_where_it_trains() -> None:
    recipe = resolve(Spec("quick", {"search": ["lr=0.01|0.1|0.3|1.0", "backbone_lr=0.001|0.01"], "trials": 4}))
    assert all("backbone_lr" in point for point in points(recipe, "full_finetune", True))
    assert [set(point) for point in points(recipe, "linear_probe", False)] == [{"lr"}] * 4


@given(st.lists(st.floats(1e-6, 1.0) | st.booleans() | st.integers(1, 9), min_size=1, max_size=4, unique_by=repr))
def test_a_table_of_values_is_read_as_it_is_written(values: list[object]) -> None:
    recipe = resolve(Spec("quick", {"search": {"lr": values, "lora.rank": "4..16"}}))
    [lr, rank] = axes(recipe.search)
    assert lr.values == tuple(values)
    assert (rank.low, rank.high) == (4, 16)


@pytest.mark.parametrize(
    "search",
    ["batch_size=8|16", "epochs=1|2", "lr", "lr=", "=1", "lr=0..1", "lr=1..0.1", "lora.rnk=2", "lroa.rank=2|4"],
)
def test_what_cannot_be_searched_is_refused(search: str) -> None:
    name = Cell.parse(f"digits/pico/lora/{Spec('quick', {'search': [search]})}/seed=0")
    with pytest.raises(UsageError, match=r"search|lroa"):
        resolve_cell(name)


def test_more_trials_than_there_are_points_are_refused() -> None:
    for search in (["lr=0.01|0.1"], ["lora.rank=2..4"]):
        with pytest.raises(UsageError, match="lora has"):
            points(resolve(Spec("quick", {"search": search, "trials": 4})), "lora", False)


def test_two_ways_of_saying_what_trials_try_are_refused() -> None:
    assert not resolve(Spec("tuned", {"search": ["lr=0.1|1.0"]})).lr_grid, "a search replaces a recipe's own grid"
    for fields in ({"lr_grid": [0.1], "search": ["lr=0.1|1.0"]}, {"trials": 3}):
        with pytest.raises(UsageError, match="leave"):
            resolve(Spec("quick", fields))


def test_methods_with_different_numbers_of_trials_are_refused_before_anything_runs(tmp_path: Path) -> None:
    variables = {"dataset": "digits", "backbone": "pico", "recipe": "quick", "methods": ["lora", "linear_probe"]}
    search = {"lora.rank": [2, 8], "lr": [0.001, 0.03]}
    suite = from_variables("s", "", {**variables, "search": search})
    assert {str(one.cell.recipe) for one in suite.cells} == {f"quick[{SPACE}]"}
    with pytest.raises(UsageError, match=r"lora 4, linear_probe 2.*trials=2"):
        Planner(Settings()).plan(suite.cells, Store(tmp_path))
    drawn = from_variables("s", "", {**variables, "search": search, "trials": 2})
    assert [len(one.trials) for one in Planner(Settings()).plan(drawn.cells, Store(tmp_path))] == [2, 2]


def test_a_search_chooses_a_field_of_the_method_and_equals_it_alone(
    run_cells: RunCells, tmp_path: Path, weights: Path
) -> None:
    run_cells(tmp_path, ["lora"], f"quick[epochs=3,{SPACE}]", "tiny_vit", keep_weights=True)
    store = Store(tmp_path)
    [record] = store.all()
    tried = record.diagnostics["tuning"]
    assert (record.budget.trials, record.budget.offered, len(tried)) == (4, 12, 4)
    best = max(tried, key=lambda one: one["val_accuracy"])
    run_cells(tmp_path / "alone", [f"lora[rank={best['lora.rank']}]"], f"quick[epochs=3,lr={best['lr']!r}]", "tiny_vit")
    [alone] = Store(tmp_path / "alone").all()
    assert record.stages == alone.stages
    assert record.parameters == alone.parameters
    assert read_facts(weights_beside(store.path(record.cell))).chosen == {"rank": best["lora.rank"]}
    predictor = bench.load_model(weights_beside(store.path(record.cell)), weights=weights)
    assert predictor.resolved.method.model_dump()["rank"] == best["lora.rank"]
    assert "4 trials each" in " ".join(by_group(make(store, None)).split())
