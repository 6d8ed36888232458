"""What a record says twice must agree, and its numbers must be possible: files are copied and edited by hand."""

from __future__ import annotations

import math
from functools import lru_cache

from bench.cells.cell import parsed
from bench.core.errors import UsageError
from bench.plugins.registry import load
from bench.records.schema import Record, StageResult
from bench.tasks.base import Metric

_ROUNDING = 1e-9


def contradiction(record: Record) -> str:
    """What cannot be true of a record as it stands, in words, or nothing.

    Values of metrics are compared with the bounds of the record's task, where that task is known here.
    """
    return _naming(record) or (_results(record) if record.status == "done" else "")


def _naming(record: Record) -> str:
    try:
        cell = parsed(record.cell)
    except UsageError as error:
        return f"its cell is no name ({error})"
    told = {"seed": (record.seed, cell.seed), "data_seed": (record.data_seed, cell.data_seed_value)}
    for kind in ("dataset", "backbone", "method", "recipe"):
        told[kind] = (getattr(record, kind).name, getattr(cell, kind).name)
    return next(
        (f"{name} is {one}, and its cell says {other}" for name, (one, other) in told.items() if one != other), ""
    )


def _results(record: Record) -> str:
    if not record.stages:
        return "it is finished, and has no stage"
    bounds = _bounds(record.task)
    return next((problem for stage in record.stages if (problem := _stage(stage, bounds))), "")


def _stage(stage: StageResult, bounds: dict[str, Metric]) -> str:
    for split, count in stage.n.items():
        if count < 1:
            return f"{stage.name} has {count} {split} samples"
    for split, metrics in stage.metrics.items():
        for name, value in metrics.items():
            if value is not None and name in bounds and not _possible(value, bounds[name]):
                return f"{stage.name} has a {split} {name} of {value:g}"
    return ""


def _possible(value: float, metric: Metric) -> bool:
    return math.isfinite(value) and metric.low - _ROUNDING <= value <= metric.high + _ROUNDING


@lru_cache(maxsize=64)
def _bounds(task: str) -> dict[str, Metric]:
    """The metrics of a task by name; none where the task is not known here."""
    try:
        return {metric.name: metric for metric in load("tasks", task).metrics}
    except UsageError:
        return {}
