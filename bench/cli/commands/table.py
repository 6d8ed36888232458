"""`bench table`: records as a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from bench.core.errors import UsageError
from bench.records import Store
from bench.records.openings import read
from bench.tables import Table, aggregate, render
from bench.tables.scores import scores_of
from bench.tables.stale import stale_reason
from bench.tables.standing import with_standing


def make(
    results: Path, filter: str | Collection[str] | None, columns: Sequence[str] = (), stages: bool = False,
    split: str = "test",
) -> Table:  # fmt: skip
    """The table of a results folder; arguments and errors are those of `table`, ``columns`` its metrics as a list."""
    records = [record.slim() for record in Store(results).all()]
    if not records:
        raise UsageError(f"No records in {results}. Run `bench run quick`, or name another folder by --results.")
    store = Store(results)
    openings, scores = list(read(results)), scores_of(store, split)
    return with_standing(aggregate(records, filter, columns, stages, split, stale_reason, openings, scores), store)


def table(
    results: Path,
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
        CorruptRecord: A file is not a record.
    """
    columns = [name.strip() for name in metrics.split(",")] if metrics else []
    return render(make(results, filter, columns, stages, split), format)
