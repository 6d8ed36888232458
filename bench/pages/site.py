"""What the report is about: the rows of a results folder by comparison group, with verdicts and page names."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.plots.labels import labels
from bench.records import Record, Store, evaluation_log
from bench.stats import ComparisonGroup
from bench.tables import Table, aggregate
from bench.tables.comparison_groups import Compared, Place, name_of, place_of
from bench.tables.corrupt_records import records_of, with_corrupt_records
from bench.tables.metrics import metrics_of
from bench.tables.review_status import with_review_status
from bench.tables.rows import Row
from bench.tables.scores import scores_of
from bench.tables.stale import stale_reason, with_unknown
from bench.tables.titles import Titles, labels_of
from bench.tasks.base import Metric

Run = tuple[Record, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Board:
    """One comparison group.

    Attributes:
        names: What the rows are called, all different.
        compared: Verdicts on the rows' pairs, or why there are none.
    """

    place: Place
    rows: list[Row]
    names: list[str]
    compared: Compared | None

    @property
    def words(self) -> str:
        """The group for people."""
        size = f" · {self.place.input}" if self.place.input else ""
        selected = " · chosen on the test split" if self.place.test_selected else ""
        return f"{self.place.dataset} ({self.place.protocol}) · {self.place.recipe}{size}{selected}"

    @property
    def metric(self) -> Metric:
        """The headline metric, which rows are ranked by."""
        return metrics_of(self.place.task)[0]

    @property
    def verdicts(self) -> ComparisonGroup | None:
        """What the tests say of all pairs; None where they could not be made."""
        return self.compared.verdicts if self.compared else None

    @property
    def reason(self) -> str:
        """Why there are no verdicts."""
        return self.compared.problem if self.compared else "no finished row"

    @cached_property
    def called(self) -> dict[str, str]:
        """What the statistics call a row -> what the report calls it."""
        return {name_of(row.key): name for row, name in zip(self.rows, self.names, strict=True)}

    @cached_property
    def slug(self) -> str:
        """The group in file names."""
        return slug(self.words, repr(self.place))

    def record_page(self, row: Row) -> str:
        """The file of a row's page."""
        key = row.key
        return f"record/{slug(f'{key.dataset} {key.backbone} {key.method} {key.stage}', repr((self.place, key)))}.html"


@dataclass(frozen=True)
class Site:
    """A results folder, read once.

    Attributes:
        records: All records without their curves and diagnostics.
        table: One row a configuration, with warnings, intervals and ranks.
    """

    store: Store
    records: list[Record]
    table: Table

    @classmethod
    def read(cls, store: Store) -> Site:
        """Read a results folder.

        Raises:
            UsageError: There are no records.
        """
        records = records_of(store)
        evaluations, scores = list(evaluation_log.read(store.folder)), scores_of(store, "test")
        table = aggregate(records, stale=stale_reason, evaluations=evaluations, scores=scores)
        return cls(store, records, with_corrupt_records(with_review_status(with_unknown(table), store), store))

    @cached_property
    def titles(self) -> Titles:
        """What parts of names are called here."""
        return Titles(labels_of(self.store.folder))

    def boards(self) -> Iterator[Board]:
        """The comparison groups."""
        compared = {compared.place: compared for compared in self.table.compared}
        for place, rows in self.places(self.table.rows).items():
            yield Board(place, rows, labels([row.key for row in rows]), compared.get(place))

    def places(self, rows: Sequence[Row]) -> dict[Place, list[Row]]:
        """Rows by comparison group; those of which no run has finished stand with their like."""
        found: dict[Place, list[Row]] = defaultdict(list)
        failed = [row for row in rows if not row.cells]
        home = {key: compared.place for compared in self.table.compared for key in compared.members}
        for row in rows:
            if row.cells:
                found[home.get(row.key) or place_of(row.key, self.by_cell[row.cells[0]], "test")].append(row)
        for row in failed:
            place = place_of_failed(row)
            found[next((one for one in found if _alike(one, place)), place)].append(row)
        return dict(found)

    @cached_property
    def by_cell(self) -> dict[str, Record]:
        """Records by canonical name; a finished one stands before its failed repetition."""
        return {record.cell: record for record in sorted(self.records, key=lambda record: record.status == "done")}

    def part(self, rows: Sequence[Row]) -> Table:
        """The table with some of its rows."""
        return replace(self.table, rows=list(rows))


def place_of_failed(row: Row) -> Place:
    """The group of a row without a finished run, as far as it is known."""
    key = row.key
    return Place(key.task, key.dataset, key.protocol, "", key.recipe, key.test_selected, "")


def _alike(one: Place, other: Place) -> bool:
    return replace(one, size="", items="") == replace(other, size="", items="")


def by_backbone(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by backbone, in order: some pictures are of one."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.key.backbone].append(row)
    return dict(found)


def slug(text: str, identity: str = "") -> str:
    """A short name for files: the beginning of a text, and a hash of what must tell it apart."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return f"{words}-{hashlib.sha256((identity or text).encode()).hexdigest()[:8]}"
