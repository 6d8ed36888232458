"""`bench.table`: records as a table of means over seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from bench.api.places import Place, Results, joined, opened
from bench.api.places import names as words
from bench.records import Record, Store
from bench.records.evaluation_log import read
from bench.tables import Table, aggregate
from bench.tables.corrupt_records import records_of, with_corrupt_records
from bench.tables.filters import select
from bench.tables.review_status import with_review_status
from bench.tables.scores import scores_of
from bench.tables.stale import stale_reason, with_unknown
from bench.tables.titles import Titles, labels_of


def table(
    filter: str | Iterable[str] | None = None,
    *,
    results: Results = "runs",
    metrics: str | Iterable[str] | None = None,
    stages: bool = False,
    split: str = "test",
    names: bool = False,
    label: Iterable[str] = (),
    plugins: Iterable[Place] = (),
) -> Table:
    """Records as a table, which shows itself in a notebook and prints as text; ``.text("md")`` gives other formats.

    Args:
        filter: A pattern such as ``pacs/*/cladapter[k=10] seed=0``, or several that must all hold.
        results: Folder of the records.
        metrics: Columns to show, as a list or separated by commas; without them the tasks decide.
        stages: One row for every stage instead of the last.
        split: ``test``, ``val`` or ``external``.
        names: Spell methods, data sets and backbones as in a cell's name, not by their titles.
        label: Titles of your own, as ``cladapter=Ours``; a file ``labels.toml`` in the results folder may hold some.
        plugins: Further folders of plug-ins, beside those known already and those of ``BENCH_PLUGINS``.

    Raises:
        UsageError: There are no records, or a filter, column, label or split is wrong.
    """
    with opened(results, plugins) as store:
        titles = Titles(labels_of(store.folder, label), names)
        return make(store, joined(filter), words(metrics), stages, split, titles=titles)


def make(
    store: Store, filter: str | Collection[str] | None = None, columns: Sequence[str] = (), stages: bool = False,
    split: str = "test", records: Sequence[Record] = (), titles: Titles | None = None,
) -> Table:  # fmt: skip
    """The table of chosen records; errors are those of `table`.

    Args:
        filter: A pattern, or the names of cells.
        records: Those of the store, where they have been read already.
        titles: What parts of names are called; without them as plug-ins and the folder's ``labels.toml`` say.
    """
    records = records or records_of(store)
    titles = titles or Titles(labels_of(store.folder))
    evaluations, scores = list(read(store.folder)), scores_of(store, split)
    table = aggregate(records, filter, columns, stages, split, stale_reason, evaluations, scores)
    found = with_corrupt_records(with_review_status(with_unknown(table), store), store)
    return replace(found, titles=titles, everything=not filter)


def external(
    store: Store, filter: str | Collection[str] | None, columns: Sequence[str] = (), stages: bool = False,
    records: Sequence[Record] = (), titles: Titles | None = None,
) -> Table | None:  # fmt: skip
    """The table of those chosen records that were also tested on external data; None where there are none."""
    records = records or records_of(store)
    cells = [record.cell for record in select(records, filter) if "external" in record.metrics]
    return make(store, cells, columns, stages, "external", records, titles) if cells else None
