"""Cells -> their objects, validated: done once, when a request is read; later rooms are handed what was resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench.backbones.family import BackboneFamily, resolve_backbone
from bench.backbones.local import weights_folder
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.cells.search import axes
from bench.core import extras
from bench.core.errors import UsageError, nearest
from bench.data.augment.base import canonical
from bench.plugins import recipe_files
from bench.plugins.registry import load, refresh
from bench.tasks.base import Task

if TYPE_CHECKING:
    from bench.data.base import Dataset
    from bench.methods import FeatureMethod, Method

Built = TypeVar("Built")


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

    def check_libraries(self) -> None:
        """Raise UsageError, with the command that installs it, when a library that a part needs is not installed."""
        cell = self.cell
        parts = ((cell.dataset, self.dataset), (cell.backbone, self.backbone), (cell.method, self.method))
        for spec, part in parts:
            for library in part.libraries:
                extras.check(library, spec.name)
        for library, head in self.task.libraries.items():
            if head in ("", self.recipe.head):
                extras.check(library, f"head={head}" if head else f"{cell.dataset.name} ({self.dataset.task})")


def resolve(cell: Cell, weights: Path | None = None) -> Resolved:
    """Build and validate what a cell names.

    Args:
        weights: The weights folder, which may name backbones.

    Raises:
        UsageError: An unknown data set, method, backbone or recipe, or a parameter that does not exist or is out of
            range.
    """
    return _Resolver(weights).resolve(cell)


def resolve_all(cells: Iterable[Cell], weights: Path | None = None) -> list[Resolved]:
    """Resolve cells, each canonical one once, in order; errors are those of `resolve`.

    Plug-ins edited since they were imported are imported anew: a record's fingerprint is that of the file.
    """
    refresh()
    resolver = _Resolver(weights)
    found = {one.name: one for one in map(resolver.resolve, cells)}
    return list(found.values())


class _Resolver:
    """Builds every part once: a grid repeats them, and looking for a plug-in reads folders."""

    def __init__(self, weights: Path | None) -> None:
        self.dataset = _once(lambda spec: load("datasets", spec.name).build(spec.name, spec.params))
        self.method = _once(lambda spec: load("baselines", spec.name).build(spec.name, spec.params))
        self.backbone = _once(lambda spec: resolve_backbone(spec, weights).plain(spec.name, weights_folder(weights)))
        self.recipe = _once(_recipe)

    def resolve(self, cell: Cell) -> Resolved:
        dataset, method, backbone = self.dataset(cell.dataset), self.method(cell.method), self.backbone(cell.backbone)
        recipe, canonical_recipe = self.recipe(cell.recipe)
        canonical = Cell(
            dataset=Spec(cell.dataset.name, dataset.changed()),
            backbone=Spec(cell.backbone.name, backbone.changed()),
            method=Spec(cell.method.name, method.changed()),
            recipe=canonical_recipe,
            seed=cell.seed,
            data_seed=cell.data_seed,
        )
        return Resolved(dataset, dataset.task_plugin, method, recipe, backbone, canonical)


def _recipe(spec: Spec) -> tuple[Recipe, Spec]:
    """A recipe, and its name by the fields in which it differs."""
    recipe = canonical(recipe_files.resolve(spec))
    _check_search(recipe)
    return recipe, recipe_files.canonical(spec.name, recipe)


def _check_search(recipe: Recipe) -> None:
    """Raise UsageError where a search names a method or a field of one that does not exist."""
    for axis in axes(recipe.search):
        name, dot, field = axis.name.partition(".")
        if dot and field not in (fields := load("baselines", name).model_fields):
            raise UsageError(f"search: {name} has no parameter {field!r}. {nearest(field, fields)}")


def _once(build: Callable[[Spec], Built]) -> Callable[[Spec], Built]:
    """The same, remembering what it built by the text of a spec, which tells 1 from true and from 1.0."""
    known: dict[str, Built] = {}

    def found(spec: Spec) -> Built:
        text = str(spec)
        if text not in known:
            known[text] = build(spec)
        return known[text]

    return found
