"""Rows that may be compared, and what the tests say of them: item scores, judged as one block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.records import Store
from bench.stats import Block
from bench.tables import blocks
from bench.tables.metrics import metrics_of
from bench.tables.rows import Key, Row
from bench.tables.scores import scores_of
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
    known = {row.key: name for name, row in zip(names, rows, strict=True) if row.cells and not row.key.test_selected}
    if len(known) < 2:
        return Judged(None, "fewer than two finished rows")
    if len(known) > MOST:
        return Judged(None, f"more than {MOST} rows")
    cells = {row.key: row.cells for row in rows if row.key in known}
    groups = {key: [record for cell in named if (record := store.get(cell))] for key, named in cells.items()}
    if len({blocks.place_of(key, records[0], "test").items for key, records in groups.items()}) > 1:
        return Judged(None, "the rows were not tested on the same items")
    found = blocks.compared_as(known, groups, "test", scores_of(store, "test"))
    return Judged(found.verdicts, found.problem)
