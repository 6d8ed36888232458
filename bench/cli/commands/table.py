"""`bench table`: records as a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.records import Store
from bench.records.openings import read
from bench.tables import Table, aggregate, render
from bench.tables.damage import records_of, with_damage
from bench.tables.scores import scores_of
from bench.tables.stale import stale_reason, with_unknown
from bench.tables.standing import with_standing


def make(
    store: Store, filter: str | Collection[str] | None, columns: Sequence[str] = (), stages: bool = False,
    split: str = "test",
) -> Table:  # fmt: skip
    """The table of a results folder; arguments and errors are those of `table`, ``columns`` its metrics as a list."""
    records = records_of(store)
    openings, scores = list(read(store.folder)), scores_of(store, split)
    table = aggregate(records, filter, columns, stages, split, stale_reason, openings, scores)
    return with_damage(with_standing(with_unknown(table), store), store)


def table(
    store: Store,
    filter: str | Collection[str] | None = None,
    format: str = "rich",
    metrics: str | None = None,
    stages: bool = False,
    split: str = "test",
) -> str:
    """Text of ``bench table``.

    Args:
        filter: A pattern such as ``pacs/*/cladapter[k=10]``, or the names of cells.
        metrics: Columns, separated by commas.
        stages: One row for every stage instead of the last.
        split: `test` or `val`.

    Raises:
        UsageError: There are no records, or a filter, format, column or split is wrong.
    """
    return render(make(store, filter, listed(metrics), stages, split), format)


def listed(metrics: str | None) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in metrics.split(",")] if metrics else []
