"""What records state, computed again from the predictions that lie beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from bench.core.errors import BenchError
from bench.plugins.registry import load
from bench.records import Record, StageResult, prediction_key
from bench.records.items import groups_packed, names_digest, unpacked
from bench.tables.metrics import metrics_of
from bench.tasks.base import Metric, Task

Arrays = dict[str, np.ndarray]
TIES, NOISE = 6, 1e-7  # how often ties are broken at random, the first time not, and by how much of a number
LITTLE = 0.05  # of what ties may change
ITEM_TOLERANCE = 1e-3  # predictions may be stored in float16


def contradicted(record: Record, arrays: Arrays) -> Iterator[str]:
    """What a record states, metrics and items of every stage, and its predictions do not give; also that its task is
    unknown here, so that nothing can be computed."""
    try:
        metrics_of(record.task)
    except BenchError as error:
        yield str(error)
        return
    for stage in record.stages:
        yield from recomputed(record, stage, arrays)
        yield from items_recomputed(record, stage, arrays)


def recomputed(record: Record, stage: StageResult, arrays: Arrays) -> Iterator[str]:
    """The metrics of a stage that are not those of its predictions, to the digits that are printed."""
    task = load("tasks", record.task)()
    for split, stated in stage.metrics.items():
        try:
            ours = task.evaluate(arrays[prediction_key(split, "targets")], outputs_of(arrays, split, stage.name))
        except (KeyError, ValueError, BenchError) as error:
            yield f"{stage.name} {split}: the metrics cannot be computed from what is stored ({error})"
            continue
        tied = partial(_tied, task, arrays[prediction_key(split, "targets")], outputs_of(arrays, split, stage.name))
        for metric in metrics_of(record.task):
            told = stated.get(metric.name)
            if not _equal(metric, told, ours.get(metric.name)) and not tied(metric.name, told):
                found = _shown(ours.get(metric.name))
                yield f"{stage.name} {split}: {metric.name} is {_shown(told)} in the record, {found} by its predictions"
        for name in stated.keys() - {metric.name for metric in metrics_of(record.task)}:
            yield f"{stage.name} {split}: {name} is no metric of the task {record.task}"


def items_recomputed(record: Record, stage: StageResult, arrays: Arrays) -> Iterator[str]:
    """Item scores inside the record, which tables compare, that are not those of its predictions."""
    task = load("tasks", record.task)()
    known = {metric.name: metric for metric in metrics_of(record.task)}
    for split, packed in stage.items.items():
        outputs = outputs_of(arrays, split, stage.name)
        for name, text in packed.items():
            try:
                if name == "ids":
                    same = text == names_digest(arrays[prediction_key(split, "ids")])
                elif name == "groups":
                    same = text == groups_packed(_units(arrays, split))
                else:
                    ours = task.item_scores(arrays[prediction_key(split, "targets")], outputs, known[name].name)
                    same = np.allclose(unpacked(text), ours, atol=ITEM_TOLERANCE)
            except (KeyError, ValueError, BenchError) as error:
                yield f"{stage.name} {split}: the items' {name} cannot be computed from what is stored ({error})"
                continue
            if not same:
                yield f"{stage.name} {split}: the items' {name} are not those of the predictions"


def _units(arrays: Arrays, split: str) -> np.ndarray:
    """What samples belong to: their groups or, where these are all one or the data have none, their domains."""
    known = [prediction_key(split, what) for what in ("group", "domain")]
    found = next((name for name in known if name in arrays and len(np.unique(arrays[name])) > 1), known[0])
    return arrays[found]


def outputs_of(arrays: Arrays, split: str, stage: str) -> Arrays:
    """What a record keeps of one stage's predictions, by the task's own names."""
    prefix = prediction_key(split, "", stage)
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _equal(metric: Metric, told: float | None, ours: float | None) -> bool:
    """Equal to half of the last printed digit, so that predictions may be stored in float16; undefined is undefined."""
    told, ours = (None if value is None or math.isnan(value) else value for value in (told, ours))
    if told is None or ours is None:
        return told is ours
    half = 0.5 * 10.0**-metric.decimals / (100 if metric.unit == "%" else 1)
    return abs(told - ours) <= half * (1 + 1e-9)


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"


def _tied(task: Task, targets: np.ndarray, outputs: Arrays, metric: str, told: float | None) -> bool:
    """Whether a metric hangs on ties among the outputs, and what is told differs by little of what they may change.

    Outputs that are equal, as the votes of neighbours are, become unequal in the last bit of a softmax, some on one
    processor and others on the next. A tiny noise breaks all of them; where there are none it changes nothing.
    """
    if told is None:
        return False
    ours, *broken = (task.evaluate(targets, _with_noise(outputs, seed))[metric] for seed in range(TIES))
    spread = max(ours, *broken) - min(ours, *broken)
    return abs(told - ours) <= LITTLE * spread


def _with_noise(outputs: Arrays, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    noise = NOISE if seed else 0.0
    return {
        name: array * (1 + noise * rng.standard_normal(array.shape)) if array.dtype.kind == "f" else array
        for name, array in outputs.items()
    }
