"""`bench.table`: records as a table of means over seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bench.api.places import Place, Results, joined, names, opened
from bench.records import Record, Store
from bench.records.evaluation_log import read
from bench.tables import Table, aggregate
from bench.tables.corrupt_records import records_of, with_corrupt_records
from bench.tables.filters import select
from bench.tables.review_status import with_review_status
from bench.tables.scores import scores_of
from bench.tables.stale import stale_reason, with_unknown


def table(
    filter: str | Iterable[str] | None = None,
    *,
    results: Results = "runs",
    metrics: str | Iterable[str] | None = None,
    stages: bool = False,
    split: str = "test",
    plugins: Iterable[Place] = (),
) -> Table:
    """Records as a table, which shows itself in a notebook and prints as text; ``.text("md")`` gives other formats.

    Args:
        filter: A pattern such as ``pacs/*/cladapter[k=10] seed=0``, or several that must all hold.
        results: Folder of the records.
        metrics: Columns to show, as a list or separated by commas; without them the tasks decide.
        stages: One row for every stage instead of the last.
        split: ``test``, ``val`` or ``external``.
        plugins: Further folders of plug-ins, beside those known already and those of ``BENCH_PLUGINS``.

    Raises:
        UsageError: There are no records, or a filter, column or split is wrong.
    """
    with opened(results, plugins) as store:
        return make(store, joined(filter), names(metrics), stages, split)


def make(
    store: Store, filter: str | Collection[str] | None = None, columns: Sequence[str] = (), stages: bool = False,
    split: str = "test", records: Sequence[Record] = (),
) -> Table:  # fmt: skip
    """The table of chosen records; errors are those of `table`.

    Args:
        filter: A pattern, or the names of cells.
        records: Those of the store, where they have been read already.
    """
    records = records or records_of(store)
    evaluations, scores = list(read(store.folder)), scores_of(store, split)
    table = aggregate(records, filter, columns, stages, split, stale_reason, evaluations, scores)
    return with_corrupt_records(with_review_status(with_unknown(table), store), store)


def external(
    store: Store, filter: str | Collection[str] | None, columns: Sequence[str] = (), stages: bool = False,
    records: Sequence[Record] = (),
) -> Table | None:  # fmt: skip
    """The table of those chosen records that were also tested on external data; None where there are none."""
    records = records or records_of(store)
    cells = [record.cell for record in select(records, filter) if "external" in record.metrics]
    return make(store, cells, columns, stages, "external", records) if cells else None
