"""Axes -> cells: what a suite's variables and overrides mean."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

from bench.backbones.family import family_of
from bench.backbones.local import weights_folder
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.core.errors import UsageError, nearest
from bench.grid.resolve import Resolved, resolve_all
from bench.plugins import registry
from bench.plugins.scan import Kind

AXES = ("dataset", "protocol", "backbone", "method", "recipe", "seed", "data_seed")
SPEC_AXES = ("dataset", "backbone", "method", "recipe")
PLURALS = {axis + "s": axis for axis in AXES}
PLUGIN_AXES: dict[str, Kind] = {"method": "baselines", "dataset": "datasets"}
FIELD_AXES = (*PLUGIN_AXES, "backbone")  # where a variable that is no field of a recipe may belong
IMAGE_SIZE = "image_size"

Grid = dict[str, list[Spec]]


def expand(variables: dict[str, Any], weights: Path | None = None, notes: list[str] | None = None) -> list[Resolved]:
    """Turn a suite's variables (by their singular names) into resolved cells, each canonical one once.

    Args:
        weights: The weights folder, which may name backbones.
        notes: Filled with a line for each field that several plug-ins got at once.

    Raises:
        UsageError: A variable is missing or unknown, or a name or value is wrong.
    """
    for axis in SPEC_AXES:
        if not _many(variables.get(axis)):
            raise UsageError(f"The suite names no {axis}. Add a line such as {axis} = ..., or -o {axis}=...")
    grid = {axis: [s for item in _many(variables[axis]) for s in _specs(axis, item)] for axis in SPEC_AXES}
    if _many(variables.get("protocol")):
        grid["dataset"] = _vary(grid, "dataset", "protocol", variables["protocol"])
    for key, value in variables.items():
        if key not in AXES:
            axis, names, field = _place(grid, key)
            if notes is not None and names is not None and len(names) > 1:
                notes.append(_shared(key, sorted(names)))
            grid[axis] = _vary(grid, axis, field, value, names)
    cells = [Cell(*point) for point in _points(grid, variables)]
    if not cells:
        raise UsageError("The suite has no cell: one of its lists is empty.")
    return resolve_all(cells, weights)


def _shared(field: str, names: list[str]) -> str:
    """That several plug-ins got a field, and how only one gets it."""
    return f"{field} is set for {', '.join(names)}; for one of them alone: -o {names[0]}.{field}=..."


def _points(grid: Grid, variables: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The grid in the order of `Cell`'s fields; methods vary faster than recipes, seeds fastest."""
    seeds = [_seed("seeds", value) for value in _many(variables.get("seed", 0))]
    data_seeds: list[int | None] = [_seed("data_seed", value) for value in _many(variables.get("data_seed"))]
    return [
        (dataset, backbone, method, recipe, seed, data_seed)
        for dataset, backbone, recipe, method, data_seed, seed in itertools.product(
            grid["dataset"], grid["backbone"], grid["recipe"], grid["method"], data_seeds or [None], seeds
        )
    ]


def _specs(axis: str, item: Any) -> list[Spec]:
    """One text, or the grid that a dict with a ``name`` spans."""
    if isinstance(item, str):
        return [Spec.parse(item)]
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise UsageError(f"{axis}: {item!r} is neither a text such as 'name[key=value]' nor a dict with a name.")
    grid = {axis: [Spec.parse(item["name"])]}
    for key, value in item.items():
        if key != "name":
            grid[axis] = _vary(grid, axis, key, value)
    return grid[axis]


def _vary(grid: Grid, axis: str, key: str, value: Any, names: set[str] | None = None) -> list[Spec]:
    """Set a field to each value in turn, on the plug-ins named (None: on all) of an axis."""
    varied = []
    for spec in grid[axis]:
        if names is None or spec.name in names:
            values = _values(_annotation(axis, spec.name, key), value)
            varied += [Spec(spec.name, {**spec.params, key: one}) for one in values]
        else:
            varied.append(spec)
    return list(dict.fromkeys(varied))


def _values(annotation: str, value: Any) -> list[Any]:
    """The values a field takes in turn: a list is a grid, unless the field is itself a list and the items are not."""
    takes_list = re.search(r"\b(tuple|list)\[", annotation)
    if (
        takes_list
        and isinstance(value, (list, tuple))
        and not (value and all(isinstance(v, (list, tuple)) for v in value))
    ):
        return [list(value)]
    return _many(value) or [None]


def _annotation(axis: str, name: str, key: str) -> str:
    """Source text of a field's type, or nothing where it is not known."""
    if axis == "recipe":
        return str(Recipe.model_fields[key].annotation) if key in Recipe.model_fields else ""
    return _annotations(axis, name).get(key, "")


def _annotations(axis: str, name: str) -> dict[str, str]:
    """Field -> source text of its type, of a method, data set or backbone."""
    if axis == "backbone":
        fields = family_of(name, weights_folder()).model_fields
        return {field: str(info.annotation) for field, info in fields.items()}
    return {field.name: field.annotation for field in registry.find(PLUGIN_AXES[axis], name).fields}


def _place(grid: Grid, key: str) -> tuple[str, set[str] | None, str]:
    """Where a field belongs: the axis, the plug-ins that have it (None: all), and its name there.

    ``name.field`` names one method or data set; a plain field is the backbones' ``image_size``, else the recipes',
    else the methods', else the data sets', else the backbones'.
    """
    name, _, field = key.rpartition(".")
    if key == IMAGE_SIZE:
        return "backbone", None, "size"
    if key in Recipe.model_fields:
        return "recipe", None, key
    for axis in FIELD_AXES:
        having = {n for n, fields in _fields(grid, axis).items() if field in fields and name in ("", n)}
        if having:
            return axis, having, field
    if theirs := [fields[name] for axis in FIELD_AXES if name in (fields := _fields(grid, axis))]:
        raise UsageError(f"{name} has no field {field!r} to set. {nearest(field, theirs[0])}")
    known = _known(grid)
    initials = "".join(word[:1] for word in key.split("_"))  # learning_rate is lr
    hint = f"Did you mean {initials!r}?" if "_" in key and initials in known else nearest(key, known)
    raise UsageError(f"The suite has no {key!r} to set. {hint}")


def _known(grid: Grid) -> set[str]:
    fields = {field for axis in FIELD_AXES for fields in _fields(grid, axis).values() for field in fields}
    return {*AXES, *PLURALS, IMAGE_SIZE, *Recipe.model_fields, *fields}


def _fields(grid: Grid, axis: str) -> dict[str, set[str]]:
    """Plug-in -> its fields, for the plug-ins on an axis."""
    return {spec.name: set(_annotations(axis, spec.name)) for spec in grid[axis]}


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _seed(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{key}: {value!r} is not a whole number from 0 up.")
    return value
