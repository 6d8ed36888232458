"""What rows are called in a table: a field that varies among the rows of a plug-in is named in each, default or not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.cells.cell import parsed
from bench.cells.notation import Spec
from bench.records import Record
from bench.records.frame import without_protocol
from bench.tables.rows import Key

PARTS = ("dataset", "backbone", "method", "recipe")
Shown = dict[str, Spec]  # part of a cell's name -> as it is shown


def ordered(groups: Mapping[Key, Sequence[Record]]) -> tuple[dict[Key, list[Record]], dict[Key, dict[str, str]]]:
    """Rows in the order of a table, and what the parts of their names are called there."""
    shown = shown_parts(groups)
    keys = sorted(groups, key=lambda key: sort_key(key, shown[key]))
    names = {key: {part: str(spec) for part, spec in shown[key].items()} for key in keys}
    return {key: list(groups[key]) for key in keys}, names


def shown_parts(groups: Mapping[Key, Sequence[Record]]) -> dict[Key, Shown]:
    """Each row's parts with every field that the name of some other row of the same plug-in states."""
    first = {key: _telling(records) for key, records in groups.items()}
    stated = {key: _stated(record) for key, record in first.items()}
    swept: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for parts in stated.values():
        for part, spec in parts.items():
            swept[part, spec.name] |= dict.fromkeys(spec.params)
    return {
        key: {part: _full(first[key], part, spec, swept[part, spec.name]) for part, spec in parts.items()}
        for key, parts in stated.items()
    }


def sort_key(key: Key, shown: Shown) -> list[Any]:
    """By data set, backbone and recipe, trivial baselines first, then by values of fields: k=5 before k=20."""
    dataset, backbone, method, recipe = (_place(shown[part]) for part in PARTS)
    setting = [key.task, dataset, key.protocol, backbone, recipe]
    return [*setting, key.trivial_baseline or math.inf, method, len(key.stage), key.stage, key.test_selected]


def _telling(records: Sequence[Record]) -> Record:
    """The run that tells most of its fields: those of a failure may not be known."""
    return next((record for record in records if record.status == "done"), records[0])


def _stated(record: Record) -> Shown:
    cell = parsed(record.cell)
    return dict(zip(PARTS, (without_protocol(cell.dataset), cell.backbone, cell.method, cell.recipe), strict=True))


def _full(record: Record, part: str, spec: Spec, swept: Mapping[str, None]) -> Spec:
    known = {**getattr(record, part).params, **spec.params}
    return Spec(spec.name, {name: known[name] for name in swept if name in known})


def _place(spec: Spec) -> list[Any]:
    return [spec.name, [(name, _rank(value)) for name, value in sorted(spec.params.items())]]


def _rank(value: Any) -> tuple[Any, ...]:
    """A key by which values of any type can be ordered: numbers by size, words, lists; nothing comes last."""
    if isinstance(value, (list, tuple)):
        return 2, [_rank(one) for one in value]
    if value is None:
        return (3,)
    return (0, float(value)) if isinstance(value, (int, float)) else (1, str(value))
