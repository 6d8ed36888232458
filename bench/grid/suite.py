"""A suite file names axes of a grid; expanding it gives cells.

A suite is a Python file (an mmengine Config, so ``_base_ = "other.py"`` inherits) whose docstring says what it
shows, with these variables, each one value or a list: ``dataset``, ``protocol``, ``backbone``, ``recipe``,
``methods`` (``"cladapter[k=5]"``, or ``dict(name="cladapter", k=[5, 20])`` whose lists form a grid; a field of the
recipe there, as ``"lora[lr=0.01]"``, holds for that row), ``seeds``,
``data_seed``. ``train = False`` only counts parameters. Any other variable is a field (see `bench.grid.axes`):
``image_size`` of the backbones, else a field of the recipes, else of the methods, the data sets or the backbones that
have one so named, or ``name.field`` of one of them. ``-o key=value`` replaces a variable.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cells.cell import Cell
from bench.cells.notation import Scanner, parse_value
from bench.core.errors import UsageError
from bench.grid.axes import PLURALS, SPEC_AXES, expand
from bench.grid.own_files import absolute, dataset_spec, reading
from bench.grid.resolve import Resolved, resolve_all
from bench.plugins import registry


@dataclass(frozen=True)
class Suite:
    """What was asked to run.

    Attributes:
        name: File stem, or the cell's name.
        doc: The suite's docstring.
        cells: Resolved, without repetitions, in the order of the grid.
        train: False: the cells are not trained, only their parameters and multiply-accumulates are counted.
        notes: What the person should know of how the variables were read, a line each.
    """

    name: str
    doc: str
    cells: list[Resolved]
    train: bool = True
    notes: tuple[str, ...] = ()


def load_targets(
    targets: Iterable[str], overrides: dict[str, Any] | None = None, weights: Path | None = None
) -> list[Suite]:
    """Read what the user asked to run: suites (by name or file) and cells (by name).

    Raises:
        UsageError: As `load_suite`; or overrides are given together with a cell's name.
    """
    return [
        _from_cell(target, overrides, weights) if _is_cell(target) else load_suite(target, overrides, weights)
        for target in targets
    ]


def load_suite(target: str | Path, overrides: dict[str, Any] | None = None, weights: Path | None = None) -> Suite:
    """Read a suite by name or file, apply overrides, and expand it.

    Args:
        overrides: Variables to replace; parse ``key=value`` texts with `parse_override`.
        weights: The weights folder, which may name backbones.

    Raises:
        UsageError: The suite, a key, a name or a value is unknown or wrong.
    """
    path = _path(target)
    entry = registry.read(path, "suites")
    if entry is None or entry.problem:
        raise UsageError(f"Cannot read the suite: {entry.problem if entry else path}")
    return from_variables(path.stem, entry.text, read_config(path), overrides, weights)


def from_variables(
    name: str,
    doc: str,
    variables: dict[str, Any],
    overrides: dict[str, Any] | None = None,
    weights: Path | None = None,
) -> Suite:
    """The suite of some variables; further arguments are those of `load_suite`.

    Raises:
        UsageError: A key, a name or a value is unknown or wrong.
    """
    variables, replaced = _singular(variables), _singular(overrides or {})
    if "dataset" in replaced:
        variables.pop("protocol", None)  # it belonged to the data sets that are replaced
    merged = {**variables, **replaced}
    train = merged.pop("train", True)
    if not isinstance(train, bool):
        raise UsageError(f"train: {train!r} is not true or false.")
    cells, notes = expand(merged, weights)
    return Suite(name, doc, cells, train, tuple(notes))


def notes_of(suites: Iterable[Suite]) -> str:
    """What a person should know of how suites were read, as lines, each once."""
    return "".join(f"bench: {note}\n" for note in dict.fromkeys(note for suite in suites for note in suite.notes))


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
    if PLURALS.get(key, key) == "dataset" and not set(value) & set("[]="):
        return key, [str(dataset_spec(value))]
    scanner = Scanner(value)
    specs = _spec_list(scanner)
    scanner.end()
    return key, specs


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


def _from_cell(name: str, overrides: dict[str, Any] | None, weights: Path | None) -> Suite:
    if overrides:
        raise UsageError(f"-o changes suites; write the value into the cell's name instead: {name}")
    return Suite(name, "", resolve_all([Cell.parse(name)], weights))


def _path(target: str | Path) -> Path:
    text = str(target)
    if text.endswith(".py") or "/" in text:
        if not Path(text).is_file():
            seed = f" A cell's name ends with its seed: {text}/seed=0." if text.count("/") == 3 else ""
            own = f" {reading(absolute(text))}" if os.path.isdir(text) else ""
            raise UsageError(f"There is no suite file {text}.{seed}{own}")
        return Path(text).absolute()
    if text not in registry.catalog("suites") and os.path.isdir(text):
        raise UsageError(f"No suite {text!r}; it is a folder. {reading(absolute(text))}")
    return registry.find("suites", text).path


def _singular(variables: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for key, value in variables.items():
        single = PLURALS.get(key, key)
        if single in named:
            raise UsageError(f"Both {single!r} and {key!r} are given; keep one.")
        named[single] = value
    return named


def _spec_list(scanner: Scanner) -> list[str]:
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
