"""A row's own page: everything its records hold, and the command that makes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.commands import command as whole
from bench.core.errors import UsageError
from bench.pages.cells import Cell, Column, Line, Sheet
from bench.pages.site import Board, Run
from bench.plots.chart import Chart
from bench.plots.choice import choice
from bench.plots.confusion import confusion
from bench.plots.draw import class_names
from bench.plots.reliability import reliability
from bench.plots.routing import routing
from bench.plots.spectrum import spectrum
from bench.plots.training import training
from bench.records import Record
from bench.tables.metrics import metrics_of
from bench.tables.rows import Row
from bench.tables.sheet import heading

LONGEST = 240  # characters of a value; longer ones are in the record's file
DRAWN_CLASSES = 30


def command(cells: Sequence[str]) -> str:
    """What to type to run these cells."""
    return whole("run", *cells)


def page(board: Board, row: Row, name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """All that the template of a record's page needs."""
    records = [record for record, _ in runs]
    lead = records[0] if records else row.failures[0]
    return {
        "title": name,
        "row": row,
        "place": board.place,
        "where": board.words,
        "board": f"../board-{board.slug}.html",
        "command": command(row.cells or [record.cell for record in row.failures]),
        "cells": row.cells,
        "warnings": row.warnings,
        "failures": [(f.cell, f.error.kind, f.error.message) for f in row.failures if f.error],
        "metrics": metric_table(row, records) if records else None,
        "parts_": parts(lead),
        "fields": all_fields(records or list(row.failures)),
        "charts": pictures(row, runs),
    }


def metric_table(row: Row, records: Sequence[Record]) -> Sheet:
    """Every metric of every run and split."""
    splits = list(dict.fromkeys(split for record in records for split in record.metrics))
    columns = (
        Column("metric", "metric"), Column("split", "split"), Column("mean", "mean", "number"),
        *(Column(f"run{i}", _seed(record), "number") for i, record in enumerate(records)),
    )  # fmt: skip
    lines = []
    for metric in metrics_of(row.key.task):
        for split in splits:
            values = [record.metrics.get(split, {}).get(metric.name) for record in records]
            known = [value for value in values if value is not None]
            if known:
                factor = 100 if metric.unit == "%" else 1
                told = [_number(value, factor, metric.decimals) for value in (sum(known) / len(known), *values)]
                lines.append(Line((Cell(heading(metric)), Cell(split), *told)))
    return Sheet("metrics", "Metrics of each run", columns, tuple(lines))


def _number(value: float | None, factor: int, digits: int) -> Cell:
    return Cell("undefined") if value is None else Cell(f"{value * factor:.{digits}f}", value * factor)


def _seed(record: Record) -> str:
    own = f"seed {record.seed}"
    return own if record.data_seed == record.seed else f"{own}, data seed {record.data_seed}"


def parts(record: Record) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Data set, backbone, method and recipe with every field, defaults too."""
    found = []
    for kind, label in (("dataset", "data set"), ("backbone", "backbone"), ("method", "method"), ("recipe", "recipe")):
        part = getattr(record, kind)
        found.append((label, part.name, [(key, _text(value)) for key, value in part.params.items()]))
    return found


@dataclass(frozen=True)
class Fields:
    """Every field of some records by its path.

    Attributes:
        runs: What the records are called.
        shared: Field and value, where all agree.
        differing: Field and the value of each.
    """

    runs: list[str]
    shared: list[tuple[str, str]]
    differing: list[tuple[str, list[str]]]


def all_fields(records: Sequence[Record]) -> Fields:
    """Every field by its path: one value where all runs agree, else one a run."""
    flat = [dict(_flattened(record.model_dump(mode="json"), "")) for record in records]
    keys = list(dict.fromkeys(key for fields in flat for key in fields))
    values = {key: [fields.get(key, "") for fields in flat] for key in keys}
    return Fields(
        runs=[_seed(record) for record in records],
        shared=[(key, found[0]) for key, found in values.items() if len(set(found)) == 1],
        differing=[(key, found) for key, found in values.items() if len(set(found)) > 1],
    )


def _flattened(value: Any, path: str) -> list[tuple[str, str]]:
    """Leaves of nested blocks as ``block.field``; lists of blocks are numbered from 1."""
    if isinstance(value, dict) and value:
        return [leaf for key, inner in value.items() for leaf in _flattened(inner, f"{path}.{key}".lstrip("."))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for i, inner in enumerate(value, 1) for leaf in _flattened(inner, f"{path}.{i}")]
    return [(path, _text(value))]


def _text(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters, whole in the record's file)"


def pictures(row: Row, runs: Sequence[Run]) -> dict[str, Chart]:
    """The charts that these runs have anything for."""
    if not runs:
        return {}
    names, first = class_names(runs), runs[0][0]
    found = {
        "training": lambda: training([record for record, _ in runs]),
        "confusion": lambda: confusion(runs, names),
        "reliability": lambda: reliability(runs),
        "routing": lambda: routing(first, class_names=names),
        "spectrum": lambda: spectrum(first),
        "choice": lambda: choice(first),
    }
    drawn: dict[str, Chart] = {}
    for name, draw in found.items():
        try:
            chart = draw()
        except UsageError:  # the record has nothing for this chart
            continue
        if name != "confusion" or len(chart.points) <= DRAWN_CLASSES**2:
            drawn[name] = chart
    return drawn
