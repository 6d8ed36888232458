"""Warnings on results that came from outside."""

from __future__ import annotations

from dataclasses import replace

from bench.records import Store
from bench.records.review_status import STATUSES, Step, latest, read
from bench.tables.rows import Row
from bench.tables.table import Table

MEANING = {
    "submitted": "sent in by {by}; its metrics were recomputed from its predictions, its training was not repeated",
    "rerun": "sent in, and run again here by {by}",
    "confirmed": "sent in, run again here, and confirmed by {by}",
}


def with_review_status(table: Table, store: Store) -> Table:
    """The table with a warning on each row of which a run came from outside: its least checked run counts."""
    known = read(store.folder)
    return replace(table, rows=[_warned(row, known, store) for row in table.rows]) if known else table


def _warned(row: Row, known: dict[str, list[Step]], store: Store) -> Row:
    steps = [step for cell in row.cells if cell in known and (step := _step(known[cell], cell, store))]
    if not steps:
        return row
    least = min(steps, key=lambda step: STATUSES.index(step.status))
    return replace(row, warnings={**row.warnings, least.status: MEANING[least.status].format(by=least.by)})


def _step(steps: list[Step], cell: str, store: Store) -> Step | None:
    record = store.get(cell)
    return latest(steps, record) if record is not None else None
