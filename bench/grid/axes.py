"""Axes -> cells: what a suite's variables and overrides mean."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

from bench.backbones.family import family_of
from bench.backbones.local import weights_folder
from bench.cells.cell import Cell
from bench.cells.notation import Spec, format_value
from bench.cells.recipes import Recipe
from bench.core.errors import UsageError, nearest
from bench.grid.own_files import dataset_spec
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


def expand(variables: dict[str, Any], weights: Path | None = None) -> tuple[list[Resolved], list[str]]:
    """Turn a suite's variables (by their singular names) into resolved cells, each canonical one once.

    Args:
        weights: The weights folder, which may name backbones.

    Returns:
        The cells, and a line for each variable that several methods or data sets took because all have such a field.

    Raises:
        UsageError: A variable is missing or unknown, or a name or value is wrong.
    """
    for axis in SPEC_AXES:
        if not _many(variables.get(axis)):
            raise UsageError(f"The suite names no {axis}. Add a line such as {axis} = ..., or -o {axis}=...")
    grid = {axis: [s for item in _many(variables[axis]) for s in _specs(axis, item)] for axis in SPEC_AXES}
    if _many(variables.get("protocol")):
        grid["dataset"] = _vary(grid, "dataset", "protocol", variables["protocol"])
    notes = []
    for key, value in variables.items():
        if key not in AXES:
            axis, names, field = _place(grid, key)
            grid[axis] = _vary(grid, axis, field, value, names)
            notes += _shared(key, value, axis, names)
    cells = [Cell(*point) for point in _points(grid, variables)]
    if not cells:
        raise UsageError("The suite has no cell: one of its lists is empty.")
    return resolve_all(cells, weights), notes


def _shared(key: str, value: Any, axis: str, names: set[str] | None) -> list[str]:
    """What is said where a field goes to several plug-ins, which may mean different things by it."""
    if names is None or len(names) < 2 or axis not in PLUGIN_AXES:
        return []
    one = shlex.quote(f"{min(names)}.{key}={format_value(value)}")
    return [f"{key} is set for {', '.join(sorted(names))}, which all have it; for one alone: -o {one}"]


def _points(grid: Grid, variables: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The grid in the order of `Cell`'s fields; methods vary faster than recipes, seeds fastest."""
    seeds = [_seed("seeds", value) for value in _many(variables.get("seed", 0))]
    data_seeds: list[int | None] = [_seed("data_seed", value) for value in _many(variables.get("data_seed"))]
    return [
        (dataset, backbone, *_own_recipe(method, recipe), seed, data_seed)
        for dataset, backbone, recipe, method, data_seed, seed in itertools.product(
            grid["dataset"], grid["backbone"], grid["recipe"], grid["method"], data_seeds or [None], seeds
        )
    ]


def _own_recipe(method: Spec, recipe: Spec) -> tuple[Spec, Spec]:
    """A method's spec without the recipe's fields that a suite gave it, and the recipe with them."""
    fields = _annotations("method", method.name)
    own = {key: value for key, value in method.params.items() if key in Recipe.model_fields and key not in fields}
    if not own:
        return method, recipe
    rest = {key: value for key, value in method.params.items() if key not in own}
    return Spec(method.name, rest), Spec(recipe.name, {**recipe.params, **own})


def _specs(axis: str, item: Any) -> list[Spec]:
    """One text, or the grid that a dict with a ``name`` spans."""
    if isinstance(item, str):
        return [dataset_spec(item) if axis == "dataset" else Spec.parse(item)]
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
    found = {} if axis == "recipe" else _annotations(axis, name)
    if axis in ("recipe", "method") and key not in found and key in Recipe.model_fields:
        return str(Recipe.model_fields[key].annotation)
    return found.get(key, "")


def _annotations(axis: str, name: str) -> dict[str, str]:
    """Field -> source text of its type, of a method, data set or backbone."""
    if axis == "backbone":
        fields = family_of(name, weights_folder()).model_fields
        return {field: str(info.annotation) for field, info in fields.items()}
    return {field.name: field.annotation for field in registry.find(PLUGIN_AXES[axis], name).fields}


def _place(grid: Grid, key: str) -> tuple[str, set[str] | None, str]:
    """Where a field belongs: the axis, the plug-ins that have it (None: all), and its name there.

    ``name.field`` names one method or data set (of a method also a field of the recipe, for its rows alone); a plain
    field is the backbones' ``image_size``, else the recipes', else the methods', else the data sets', else the
    backbones'.
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
    if field in Recipe.model_fields and name in _fields(grid, "method"):
        return "method", {name}, field
    raise UsageError(_nowhere(grid, name, field))


def _nowhere(grid: Grid, name: str, field: str) -> str:
    """That nothing has a field, with what is near it."""
    having = {plugin: fields for axis in FIELD_AXES for plugin, fields in _fields(grid, axis).items()}
    if name in having:
        return f"{name} has no parameter {field!r}. {nearest(field, having[name])}"
    if name:
        owners = {plugin for plugin, fields in having.items() if field in fields} or set(having)
        return f"The suite names no {name!r}, whose {field!r} could be set. {nearest(name, owners)}"
    known = {
        *AXES,
        *PLURALS,
        IMAGE_SIZE,
        *Recipe.model_fields,
        *(field for fields in having.values() for field in fields),
    }
    return f"The suite has no {field!r} to set. {nearest(field, known)}"


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
