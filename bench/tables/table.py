"""A table: rows, the columns to show, and the notes beneath."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.records import Record
from bench.stats import Interval
from bench.tables.filters import select
from bench.tables.marks import Floors, Stale, floor_means, marked
from bench.tables.metrics import default_columns, known_floors, known_metrics, metrics_of
from bench.tables.rows import FACTS, Key, Row, group, make_row
from bench.tasks.base import Metric


@dataclass(frozen=True)
class Table:
    """What a command shows.

    Attributes:
        columns: Metrics and facts, in order.
        metrics: The columns that are metrics, by name.
        stages: Whether rows of earlier stages are shown.
        notes: Sentences beneath the table.
    """

    rows: list[Row]
    columns: tuple[str, ...]
    metrics: dict[str, Metric]
    stages: bool
    notes: list[str]

    def _repr_html_(self) -> str:
        from bench.tables.render import render  # which knows tables

        return render(self, "html")

    def __str__(self) -> str:
        from bench.tables.render import render

        return render(self)


def aggregate(
    records: Iterable[Record],
    filter: str | Collection[str] | None = None,
    columns: Sequence[str] = (),
    stages: bool = False,
    split: str = "test",
    stale: Stale = lambda record: "",
) -> Table:
    """Make a table of records.

    Floors and test openings are taken from all ``records``, also from those the filter leaves out.

    Args:
        filter: A pattern (see `bench.tables.filters`), the names of cells, or None for everything.
        columns: Metrics of the tasks at hand, "n", and names in `FACTS`; empty: the tasks decide.
        stages: Show every stage of staged methods, not only the last.
        split: `test` or `val`.
        stale: Says why a record is out of date.

    Raises:
        UsageError: A column or split is unknown, or the filter matches nothing.
    """
    records = list(records)
    known = known_metrics(record.task for record in records)
    columns = tuple(columns) or default_columns(record.task for record in records)
    _check(columns, known, split)
    floors = floor_means(make_row(key, found, split) for key, found in group(records).items())
    groups = group(select(records, filter), stages)
    rows = [marked(make_row(key, found, split), found, stale, floors(key)) for key, found in groups.items()]
    return Table(
        rows,
        columns,
        {name: known[name] for name in columns if name in known},
        stages,
        [*_intervals(rows, columns, split), *_floorless(rows, floors), *_openings(records, rows)],
    )


def to_json(table: Table) -> list[dict[str, Any]]:
    """Rows as plain data; a test-selected row has its numbers under names of their own."""
    return [_json_row(row, table) for row in table.rows]


def _json_row(row: Row, table: Table) -> dict[str, Any]:
    key = row.key
    plain: dict[str, Any] = {
        name: getattr(key, name) for name in ("dataset", "protocol", "backbone", "method", "recipe", "stage")
    }
    plain["seeds"] = row.seeds
    for column in table.columns:
        if column in table.metrics:
            plain[column] = None if key.test_selected else _interval(row.values.get(column))
            if key.test_selected:
                plain[f"{column}_test_selected"] = _interval(row.values.get(column))
        else:
            plain[column] = fact(row, column)
    plain["marks"] = list(row.marks)
    plain["notes"] = [f"{word}: {text}" for word, text in row.marks.items()]
    plain["failures"] = [
        {"cell": r.cell, "kind": r.error.kind, "message": r.error.message} for r in row.failures if r.error
    ]
    plain["cells"] = list(row.cells)
    return plain


def fact(row: Row, column: str) -> float | None:
    """A column's number that is not a metric; whole numbers stay whole."""
    value = row.n if column == "n" else row.facts[column]
    return int(value) if value is not None and float(value).is_integer() else value


def _interval(value: Interval | None) -> dict[str, float | None] | None:
    return None if value is None else {"mean": value.mean, "low": value.low, "high": value.high}


def _check(columns: Sequence[str], known: Collection[str], split: str) -> None:
    allowed = (*known, "n", *FACTS)
    for column in columns:
        if column not in allowed:
            raise UsageError(f"No metric {column!r}. {nearest(column, allowed)}")
    if split not in ("test", "val"):
        raise UsageError(f"No split {split!r}: tables show test or val.")


def _intervals(rows: Sequence[Row], columns: Sequence[str], split: str) -> list[str]:
    headlines = {metrics_of(row.key.task)[0].name for row in rows}
    metrics = {metric for row in rows for metric in row.values if metric in columns}
    notes = [f"{name}: mean [95 % interval over {split} items and seeds]" for name in sorted(headlines & metrics)]
    if metrics - headlines:
        notes.append("other metrics: mean [95 % interval over seeds; none with one seed]")
    return notes


def _floorless(rows: list[Row], floors: Callable[[Key], Floors]) -> list[str]:
    """Settings in which methods cannot be compared with every floor."""
    lacking = {(place(row.key), row.key.backbone, tuple(floors(row.key))): None for row in rows}
    return [
        f"{where} on {backbone}: {' and '.join(missing)} not run, so nothing is marked as below"
        for where, backbone, present in lacking
        if (missing := [floor for floor in known_floors() if floor not in present])
    ]


def _openings(records: list[Record], rows: list[Row]) -> list[str]:
    """How many configurations have looked at each test split shown: the more, the less its best number means."""
    configurations: dict[str, int] = defaultdict(int)
    looks: dict[str, int] = defaultdict(int)
    for key, found in group(records).items():
        openings = sum(record.test_openings for record in found)
        configurations[place(key)] += openings > 0
        looks[place(key)] += openings
    return [
        f"{where}: {configurations[where]} configurations have opened the test split, {looks[where]} times in all"
        for where in sorted({place(row.key) for row in rows})
    ]


def place(key: Key) -> str:
    """Data set and protocol in words."""
    return f"{key.dataset} ({key.protocol})"
