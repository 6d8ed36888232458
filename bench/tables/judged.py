"""Rows that may be compared, and what the tests say of them: item scores of stored predictions, judged as one block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.plugins.registry import load
from bench.records import Record, Store, prediction_key
from bench.stats import Block, StatisticsError, compare_all
from bench.tables.metrics import metrics_of
from bench.tables.rows import Key, Row
from bench.tasks.base import Metric

MOST = 400  # rows of a block that are judged: 80,000 pairs


@dataclass(frozen=True)
class Place:
    """What rows must share to be compared."""

    task: str
    dataset: str
    protocol: str
    backbone: str
    recipe: str

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.dataset} ({self.protocol}) · {self.backbone} · {self.recipe}"

    @property
    def metric(self) -> Metric:
        """The headline metric, which rows are ranked by."""
        return metrics_of(self.task)[0]


@dataclass(frozen=True)
class Scores:
    """Item scores of one row: ids (n,), scores (n, runs), groups (n,) where the data have them, and its runs."""

    ids: np.ndarray
    values: np.ndarray
    groups: np.ndarray | None
    runs: list[tuple[int, int]]


@dataclass(frozen=True)
class Judged:
    """Verdicts on the rows of one place, or why there are none."""

    block: Block | None
    reason: str = ""


def places(rows: Iterable[Row]) -> dict[Place, list[Row]]:
    """Rows by place, in order."""
    found: dict[Place, list[Row]] = defaultdict(list)
    for row in rows:
        found[place_of(row.key)].append(row)
    return dict(found)


def place_of(key: Key) -> Place:
    """Where a row belongs."""
    return Place(key.task, key.dataset, key.protocol, key.backbone, key.recipe)


def judge(store: Store, rows: Sequence[Row], names: Sequence[str]) -> Judged:
    """Compare all pairs of a place's rows on the headline metric.

    Args:
        names: What the rows are called, all different.

    Raises:
        CorruptRecord: Predictions are missing or altered.
    """
    known = [(name, row) for name, row in zip(names, rows, strict=True) if row.cells and not row.key.test_selected]
    if len(known) < 2:
        return Judged(None, "fewer than two finished rows")
    if len(known) > MOST:
        return Judged(None, f"more than {MOST} rows")
    try:
        found = {name: scores_of(store, row) for name, row in known}
        return Judged(_compared(found, place_of(rows[0].key).metric))
    except StatisticsError as error:
        return Judged(None, str(error))


def scores_of(store: Store, row: Row) -> Scores:
    """The headline metric's item scores of a row's runs, items in the order of their ids.

    Raises:
        StatisticsError: The runs were not tested on the same items.
        CorruptRecord: Predictions are missing or altered.
    """
    runs = [store.pair(cell) for cell in row.cells]
    ids, order, values = None, None, []
    for record, arrays in runs:
        own = arrays.get(prediction_key("test", "ids"))
        if own is None:
            raise StatisticsError(f"{row.key.method}: no test predictions are stored")
        order = np.argsort(own, kind="stable")
        if ids is not None and not np.array_equal(ids, own[order]):
            raise StatisticsError("the runs were not tested on the same items")
        ids = own[order]
        values.append(item_scores(record, arrays, row.key.stage)[order])
    assert ids is not None
    assert order is not None
    groups = runs[-1][1].get(prediction_key("test", "group"))
    seeds = [(record.seed, record.data_seed) for record, _ in runs]
    return Scores(ids, np.stack(values, 1), None if groups is None else groups[order], seeds)


def item_scores(record: Record, arrays: dict[str, np.ndarray], stage: str) -> np.ndarray:
    """The headline metric's scores (n,) of the test items, as the record's task gives them."""
    task = load("tasks", record.task)()
    prefix = prediction_key("test", "", stage)
    outputs = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    scores: np.ndarray = task.item_scores(arrays[prediction_key("test", "targets")], outputs, task.headline.name)
    return scores


def _compared(found: dict[str, Scores], metric: Metric) -> Block:
    first = next(iter(found.values()))
    if any(not np.array_equal(first.ids, scores.ids) for scores in found.values()):
        raise StatisticsError("the rows were not tested on the same items")
    groups = first.groups if first.groups is not None and len(set(first.groups.tolist())) > 1 else None
    return compare_all(
        {name: scores.values for name, scores in found.items()},
        groups=None if groups is None else groups.tolist(),
        runs={name: scores.runs for name, scores in found.items()},
        deterministic=[name for name, scores in found.items() if (scores.values == scores.values[:, :1]).all()],
        higher_is_better=metric.higher_is_better,
    )
