"""The suite for a person's own images gives every method the same number of trials, and rates that fit."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from made_images import class_folders

import bench
from bench.cells import recipes
from bench.core.errors import UsageError
from bench.engine.plan import Planner
from bench.engine.run import check_selection
from bench.engine.settings import Settings
from bench.grid.suite import load_suite, parse_override
from bench.methods.base import Method
from bench.plugins import recipe_files
from bench.records import Store


def test_every_trained_method_has_as_many_trials(tmp_path: Path) -> None:
    cells = load_suite("own").cells
    trained = {str(one.cell.method): one.method for one in cells if isinstance(one.method, Method)}
    assert len(trained) >= 4
    recipe = recipe_files.preset("own")
    numbers = {
        name: len(recipes.points(recipe, name, any(stage.trains_backbone for stage in method.stages())))
        for name, method in trained.items()
    }
    assert set(numbers.values()) == {4}


def test_a_linear_probes_best_rate_lies_inside_of_its_grid_and_it_is_no_worse_than_ridge(tmp_path: Path) -> None:
    """Heads at a rate that nobody chose made whatever was compared with them look good."""
    names = [f"digits/pico/{method}/own/seed={seed}" for method in ("linear_probe", "ridge") for seed in (0, 1)]
    bench.run(*names, results=tmp_path, quiet=True, device="cpu")
    found = {record.cell: record for record in Store(tmp_path).all()}
    assert len(found) == 4
    for seed in (0, 1):
        probe, ridge = (found[f"digits/pico/{method}/own/seed={seed}"] for method in ("linear_probe", "ridge"))
        assert probe.flags.grid_edges == []
        assert len(probe.diagnostics["tuning"]) == probe.budget.trials == 4
        assert probe.metrics["test"]["accuracy"] > ridge.metrics["test"]["accuracy"] - 0.03  # type: ignore[operator]


def test_data_without_validation_are_answered_by_overrides_that_choose_nothing(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(tmp_path / "own" / split, height=9 + number)
    wanted = ["dataset=image_folder[protocol=split_without_val,path=own]", "backbone=pico", "methods=[linear_probe]"]
    planner = Planner(Settings(results=tmp_path / "runs", data=tmp_path, quiet=True))

    def check(*overrides: str) -> None:
        suite = load_suite("own", dict(parse_override(text) for text in [*wanted, *overrides]))
        for one in suite.cells:
            check_selection(planner.planned(one), val_only=False)

    with pytest.raises(UsageError, match="no validation split") as refused:
        check()
    words = shlex.split(str(refused.value))
    offered = [override for option, override in pairwise(words) if option == "-o"]
    assert {text.partition("=")[0] for text in offered} >= {"selection", "lr_grid", "backbone_lr_grid"}
    check(*offered)
