"""What the report is about: the rows of a results folder by comparable block, with verdicts and page names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.core.errors import UsageError
from bench.plots.labels import labels
from bench.records import Record, Store
from bench.tables import Table, aggregate
from bench.tables.judged import Judged, Place, judge, places
from bench.tables.rows import Row
from bench.tables.stale import stale_reason
from bench.tables.standing import with_standing

Run = tuple[Record, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Board:
    """One comparable block.

    Attributes:
        names: What the rows are called, all different.
        judged: Verdicts on the rows' pairs, or why there are none.
    """

    place: Place
    rows: list[Row]
    names: list[str]
    judged: Judged

    @cached_property
    def slug(self) -> str:
        """The block in file names."""
        return slug(self.place.words)

    def record_page(self, row: Row) -> str:
        """The file of a row's page."""
        key = row.key
        return f"record/{slug(f'{self.place.words} {key.method} {key.stage} {key.test_selected}')}.html"


@dataclass(frozen=True)
class Site:
    """A results folder, read once.

    Attributes:
        records: All records without their curves and diagnostics.
        table: One row a configuration, with marks.
    """

    store: Store
    records: list[Record]
    table: Table

    @classmethod
    def read(cls, results: Path) -> Site:
        """Read a results folder.

        Raises:
            UsageError: There are no records.
            CorruptRecord: A file is not a record.
        """
        store = Store(results)
        records = [record.slim() for record in store.all()]
        if not records:
            raise UsageError(f"No records in {results}. Run `bench run quick`, or name another folder by --results.")
        table = aggregate(records, stale=stale_reason)
        return cls(store, records, with_standing(table, store))

    def boards(self) -> Iterator[Board]:
        """Comparable blocks, one after the other: their predictions need not be held together."""
        for place, rows in places(self.table.rows).items():
            names = labels([row.key for row in rows])
            yield Board(place, rows, names, judge(self.store, rows, names))

    @cached_property
    def by_cell(self) -> dict[str, Record]:
        """Records by canonical name; a finished one stands before its failed repetition."""
        return {record.cell: record for record in sorted(self.records, key=lambda record: record.status == "done")}

    def part(self, rows: list[Row]) -> Table:
        """The table with some of its rows."""
        return replace(self.table, rows=rows)


def slug(text: str) -> str:
    """A short name for files, unique to the text."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return f"{words}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
