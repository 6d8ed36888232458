"""`bench table`: records as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bench.records import Record, Store
from bench.records.evaluation_log import read
from bench.tables import Table, aggregate, render
from bench.tables.corrupt_records import records_of, with_corrupt_records
from bench.tables.filters import select
from bench.tables.review_status import with_review_status
from bench.tables.scores import scores_of
from bench.tables.stale import stale_reason, with_unknown

FOR_PEOPLE = ("rich", "md", "html")
EXTERNAL_TITLE = "On the external test data, which were opened together with the test split:"


def make(
    store: Store, filter: str | Collection[str] | None, columns: Sequence[str] = (), stages: bool = False,
    split: str = "test", records: Sequence[Record] = (),
) -> Table:  # fmt: skip
    """The table of a results folder; arguments and errors are those of `table`, ``columns`` its metrics as a list, and
    ``records`` those of the folder where they have been read already."""
    records = records or records_of(store)
    evaluations, scores = list(read(store.folder)), scores_of(store, split)
    table = aggregate(records, filter, columns, stages, split, stale_reason, evaluations, scores)
    return with_corrupt_records(with_review_status(with_unknown(table), store), store)


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
        split: `test`, `val` or `external`.

    Raises:
        UsageError: There are no records, or a filter, format, column or split is wrong.
    """
    return shown(store, filter, listed(metrics), stages, split, format)


def shown(
    store: Store, filter: str | Collection[str] | None, columns: Sequence[str], stages: bool, split: str, format: str
) -> str:
    """The table as text; behind one of the test split, for people, that of external test data where there are some."""
    records = records_of(store)
    text = render(make(store, filter, columns, stages, split, records), format)
    cells = external_cells(records, filter) if split == "test" and format in FOR_PEOPLE else []
    if not cells:
        return text
    return f"{text}\n\n{EXTERNAL_TITLE}\n{render(make(store, cells, columns, stages, 'external', records), format)}"


def external_cells(records: Iterable[Record], filter: str | Collection[str] | None) -> list[str]:
    """The cells that were also tested on external data."""
    return [record.cell for record in select(records, filter) if "external" in record.metrics]


def listed(metrics: str | None) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in metrics.split(",")] if metrics else []
