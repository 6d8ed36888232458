"""Cells -> their objects, validated: done once, when a request is read; later rooms are handed what was resolved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.backbones.family import BackboneFamily, resolve_backbone
from bench.cells import recipes
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.plugins.registry import load, refresh
from bench.tasks.base import Task

if TYPE_CHECKING:
    from bench.data.base import Dataset
    from bench.methods import FeatureMethod, Method


@dataclass(frozen=True)
class Resolved:
    """A cell's objects, validated, and the cell in canonical form (no field at its default)."""

    dataset: Dataset
    task: Task
    method: Method | FeatureMethod
    recipe: Recipe
    backbone: BackboneFamily
    cell: Cell

    @property
    def name(self) -> str:
        """The canonical name."""
        return str(self.cell)


def resolve(cell: Cell, weights: Path | None = None) -> Resolved:
    """Build and validate what a cell names.

    Args:
        weights: The weights folder, which may name backbones.

    Raises:
        UsageError: An unknown data set, method, backbone or recipe, or a parameter that does not exist or is out of
            range.
    """
    dataset = load("datasets", cell.dataset.name).build(cell.dataset.name, cell.dataset.params)
    method = load("baselines", cell.method.name).build(cell.method.name, cell.method.params)
    backbone = resolve_backbone(cell.backbone, weights)
    canonical = Cell(
        dataset=Spec(cell.dataset.name, dataset.changed()),
        backbone=Spec(cell.backbone.name, backbone.changed()),
        method=Spec(cell.method.name, method.changed()),
        recipe=recipes.canonical(cell.recipe),
        seed=cell.seed,
        data_seed=cell.data_seed,
    )
    return Resolved(dataset, dataset.task_plugin, method, recipes.resolve(cell.recipe), backbone, canonical)


def resolve_all(cells: Iterable[Cell], weights: Path | None = None) -> list[Resolved]:
    """Resolve cells, each canonical one once, in order; errors are those of `resolve`.

    Plug-ins edited since they were imported are imported anew: a record's fingerprint is that of the file.
    """
    refresh()
    found = {one.name: one for one in (resolve(cell, weights) for cell in cells)}
    return list(found.values())
