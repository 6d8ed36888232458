"""Cells -> their objects, validated: done once, when a request is read; later rooms are handed what was resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.cells import recipes
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.plugins.registry import load

if TYPE_CHECKING:
    from bench.backbones.base import BackboneParams
    from bench.cells.recipes import Recipe
    from bench.data import Dataset
    from bench.methods import FeatureMethod, Method


@dataclass(frozen=True)
class Resolved:
    """A cell's objects, validated, and the cell in canonical form (no field at its default)."""

    dataset: Dataset
    method: Method | FeatureMethod
    recipe: Recipe
    backbone: BackboneParams
    cell: Cell


def resolve(cell: Cell) -> Resolved:
    """Build and validate what a cell names.

    Raises:
        UsageError: An unknown data set, method or recipe, or a parameter that does not exist or is out of range.
    """
    from bench.backbones.base import BackboneParams

    dataset = load("datasets", cell.dataset.name).build(cell.dataset.name, cell.dataset.params)
    method = load("baselines", cell.method.name).build(cell.method.name, cell.method.params)
    backbone = BackboneParams.build(cell.backbone.name, cell.backbone.params)
    canonical = Cell(
        dataset=Spec(cell.dataset.name, dataset.changed()),
        backbone=Spec(cell.backbone.name, backbone.changed()),
        method=Spec(cell.method.name, method.changed()),
        recipe=recipes.canonical(cell.recipe),
        seed=cell.seed,
        data_seed=cell.data_seed,
    )
    return Resolved(dataset, method, recipes.resolve(cell.recipe), backbone, canonical)
