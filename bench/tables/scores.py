"""Item scores of any metric: from the record where it holds them, else computed from its predictions."""

from __future__ import annotations

import numpy as np

from bench.plugins.registry import load
from bench.records import CorruptRecord, Record, StageResult, Store, prediction_key
from bench.stats import StatisticsError
from bench.tables.comparison_groups import Scores, packed_scores
from bench.tasks.base import Metric, Outputs, Task


def scores_of(store: Store, split: str) -> Scores:
    """Look up item scores in records, and in a store's predictions for the metrics that records leave out.

    Predictions that cannot be read are noted in the store; what needs them is then not known.
    """
    packed = packed_scores(split)

    def look_up(record: Record, stage: StageResult, metric: Metric) -> np.ndarray | None:
        found = packed(record, stage, metric)
        if found is not None:
            return found
        try:
            return from_predictions(store, record, stage, split, metric)
        except CorruptRecord as error:
            store.note(error)
            return None

    return look_up


def from_predictions(store: Store, record: Record, stage: StageResult, split: str, metric: Metric) -> np.ndarray | None:
    """Item scores (n,) of one run by a metric; None where the split was not predicted or the metric has none.

    Raises:
        CorruptRecord: The predictions are missing or altered.
    """
    arrays = store.predictions(record.cell)
    task: Task = load("tasks", record.task)()
    prefix = prediction_key(split, "", stage.name)
    outputs: Outputs = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    targets = arrays.get(prediction_key(split, "targets"))
    if targets is None or not outputs:
        return None
    try:
        return task.item_scores(targets, outputs, metric.name)
    except StatisticsError:  # undefined without some item: there is no interval over items then
        return None
