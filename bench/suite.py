"""A suite file names axes of a grid; expanding it gives cells.

A suite is a Python file (an mmengine Config, so ``_base_ = "other.py"`` inherits) whose docstring says what it
shows, with these variables, each one value or a list: ``dataset``, ``protocol``, ``backbone``, ``recipe``,
``methods`` (``"cladapter[k=5]"``, or ``dict(name="cladapter", k=[5, 20])`` whose lists form a grid), ``seeds``,
``data_seed``. ``train = False`` only counts parameters. Any other variable is a field: ``image_size`` of the backbones,
else a field of the recipes, else of the methods or the data sets that have one so named. ``-o key=value`` replaces a
variable.
"""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import registry
from bench.cell import Cell
from bench.errors import UsageError, nearest
from bench.recipes import Recipe
from bench.spec import Scanner, Spec, parse_value

AXES = ("dataset", "protocol", "backbone", "method", "recipe", "seed", "data_seed")
SPEC_AXES = ("dataset", "backbone", "method", "recipe")
PLURALS = {axis + "s": axis for axis in AXES}
IMAGE_SIZE = "image_size"


@dataclass(frozen=True)
class Suite:
    """What was asked to run.

    Attributes:
        name: File stem, or the cell's name.
        doc: The suite's docstring.
        cells: Canonical, without repetitions, in the order of the grid.
        train: False: the cells are not trained, only their parameters and multiply-accumulates are counted.
    """

    name: str
    doc: str
    cells: list[Cell]
    train: bool = True


def load_targets(targets: Iterable[str], overrides: dict[str, Any] | None = None) -> list[Suite]:
    """Read what the user asked to run: suites (by name or file) and cells (by name).

    Raises:
        UsageError: As `load_suite`; or overrides are given together with a cell's name.
    """
    return [_from_cell(t, overrides) if _is_cell(t) else load_suite(t, overrides) for t in targets]


def load_suite(target: str | Path, overrides: dict[str, Any] | None = None) -> Suite:
    """Read a suite by name or file, apply overrides, and expand it.

    Args:
        overrides: Variables to replace; parse ``key=value`` texts with `parse_override`.

    Raises:
        UsageError: The suite, a key, a name or a value is unknown or wrong.
    """
    path = _path(target)
    entry = registry.read(path, "suites")
    if entry is None or entry.problem:
        raise UsageError(f"Cannot read the suite: {entry.problem if entry else path}")
    variables, replaced = _singular(read_config(path)), _singular(overrides or {})
    if "dataset" in replaced:
        variables.pop("protocol", None)  # it belonged to the data sets that are replaced
    merged = {**variables, **replaced}
    train = merged.pop("train", True)
    if not isinstance(train, bool):
        raise UsageError(f"train: {train!r} is not true or false.")
    return Suite(path.stem, entry.text, expand(merged), train)


def parse_override(text: str) -> tuple[str, Any]:
    """Read ``key=value``; the value of ``dataset``, ``backbone``, ``method`` and ``recipe`` is in cell notation.

    Raises:
        UsageError: The text is not ``key=value``.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"Cannot read the override {text!r}: write key=value, for example -o epochs=5.")
    if PLURALS.get(key, key) not in SPEC_AXES:
        return key, parse_value(value)
    scanner = Scanner(value)
    specs = _specs(scanner)
    scanner.end()
    return key, specs


def expand(variables: dict[str, Any]) -> list[Cell]:
    """Turn a suite's variables (by their singular names) into canonical cells.

    Raises:
        UsageError: A variable is missing or unknown, or a name or value is wrong.
    """
    for axis in SPEC_AXES:
        if not _many(variables.get(axis)):
            raise UsageError(f"The suite names no {axis}. Add a line such as {axis} = ..., or -o {axis}=...")
    grid = {axis: [s for item in _many(variables[axis]) for s in _spec_grid(axis, item)] for axis in SPEC_AXES}
    if _many(variables.get("protocol")):
        grid["dataset"] = _vary(grid["dataset"], "protocol", _many(variables["protocol"]))
    for key, value in variables.items():
        if key not in AXES:
            _apply_field(grid, key, _many(value))
    seeds = [_seed("seeds", s) for s in _many(variables.get("seed", 0))]
    data_seeds: list[int | None] = [_seed("data_seed", s) for s in _many(variables.get("data_seed"))]
    points = itertools.product(
        grid["dataset"], grid["backbone"], grid["recipe"], grid["method"], data_seeds or [None], seeds
    )
    cells = [Cell(d, b, m, r, s, ds) for d, b, r, m, ds, s in points]
    if not cells:
        raise UsageError("The suite has no cell: one of its lists is empty.")
    return list(dict.fromkeys(registry.resolve(cell).cell for cell in cells))


def read_config(path: Path) -> dict[str, Any]:
    """Run a suite file and return its variables, those of ``_base_`` files included.

    Raises:
        UsageError: The file cannot be run; the message names the line.
    """
    from mmengine.config import Config

    try:
        config = Config.fromfile(str(path), import_custom_modules=False, lazy_import=False)
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        place = f"{path}:{lines[-1]}" if lines else str(path)
        raise UsageError(f"Cannot read the suite {place}: {type(error).__name__}: {error}") from error
    return {key: value for key, value in config.to_dict().items() if not key.startswith("_")}


def _is_cell(target: str) -> bool:
    return target.count("/") >= 4 and "seed=" in target.rpartition("/")[2]


def _from_cell(name: str, overrides: dict[str, Any] | None) -> Suite:
    if overrides:
        raise UsageError(f"-o changes suites; write the value into the cell's name instead: {name}")
    return Suite(name, "", [registry.resolve(Cell.parse(name)).cell])


def _path(target: str | Path) -> Path:
    text = str(target)
    if text.endswith(".py") or "/" in text:
        if not Path(text).is_file():
            raise UsageError(f"There is no suite file {text}.")
        return Path(text).absolute()
    return registry.find("suites", text).path


def _singular(variables: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for key, value in variables.items():
        single = PLURALS.get(key, key)
        if single in named:
            raise UsageError(f"Both {single!r} and {key!r} are given; keep one.")
        named[single] = value
    return named


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _specs(scanner: Scanner) -> list[str]:
    """``spec`` or ``[spec,spec,...]`` as a list of texts."""
    if scanner.peek() != "[":
        return [str(scanner.spec())]
    scanner.take("[")
    found: list[str] = []
    while scanner.peek() != "]":
        found.append(str(scanner.spec()))
        if scanner.peek() != "]":
            scanner.take(",")
    scanner.take("]")
    return found


def _spec_grid(axis: str, item: Any) -> list[Spec]:
    """One text, or the grid that a dict with a ``name`` spans."""
    if isinstance(item, str):
        return [Spec.parse(item)]
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise UsageError(f"{axis}: {item!r} is neither a text such as 'name[key=value]' nor a dict with a name.")
    specs = [Spec.parse(item["name"])]
    for key, value in item.items():
        if key != "name":
            specs = _vary(specs, key, _many(value) or [None])
    return specs


def _vary(specs: list[Spec], key: str, values: list[Any], having: set[str] | None = None) -> list[Spec]:
    """Set a field to each value in turn, on the plug-ins named in ``having`` (None: on all)."""
    varied = []
    for spec in specs:
        if having is None or spec.name in having:
            varied += [Spec(spec.name, {**spec.params, key: value}) for value in values]
        else:
            varied.append(spec)
    return list(dict.fromkeys(varied))


def _apply_field(grid: dict[str, list[Spec]], key: str, values: list[Any]) -> None:
    """Set a field wherever it belongs; see the module's docstring for the order."""
    values = values or [None]
    if key == IMAGE_SIZE:
        grid["backbone"] = _vary(grid["backbone"], "size", values)
        return
    if key in Recipe.model_fields:
        grid["recipe"] = _vary(grid["recipe"], key, values)
        return
    for axis, kind in (("method", "baselines"), ("dataset", "datasets")):
        having = {spec.name for spec in grid[axis] if key in _fields(kind, spec.name)}
        if having:
            grid[axis] = _vary(grid[axis], key, values, having)
            return
    raise UsageError(f"The suite has no {key!r} to set. {nearest(key, _known(grid))}")


def _known(grid: dict[str, list[Spec]]) -> set[str]:
    known = {*AXES, *PLURALS, IMAGE_SIZE, *Recipe.model_fields}
    for axis, kind in (("method", "baselines"), ("dataset", "datasets")):
        known.update(field for spec in grid[axis] for field in _fields(kind, spec.name))
    return known


def _fields(kind: Any, name: str) -> set[str]:
    return {field.name for field in registry.find(kind, name).fields}


def _seed(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{key}: {value!r} is not a whole number from 0 up.")
    return value
