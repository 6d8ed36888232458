"""A table: rows, the columns to show, and the notes beneath."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.core.errors import UsageError, nearest
from bench.records import Record
from bench.records.evaluation_log import Evaluation
from bench.tables.averages import averaged
from bench.tables.comparison_groups import REDRAWN, Compared, Scores, compared, packed_scores, ranked, with_intervals
from bench.tables.filters import check_split, select
from bench.tables.metrics import default_columns, known_metrics, known_trivial_baselines
from bench.tables.render import render
from bench.tables.resampled import notes
from bench.tables.resolution import apart, resolution
from bench.tables.rows import FACTS, Key, Row, group, make_row, place
from bench.tables.seeds import seed_notes
from bench.tables.swept import ordered
from bench.tables.titles import CANONICAL, Titles
from bench.tables.warnings import Stale, TrivialBaselines, trivial_baseline_means, with_warnings
from bench.tasks.base import Metric


@dataclass(frozen=True)
class Table:
    """What a command shows.

    Attributes:
        compared: The comparison groups with the verdicts on all pairs of their rows.
        columns: Metrics and facts, in order.
        metrics: The columns that are metrics, by name.
        stages: Whether rows of earlier stages are shown.
        notes: Sentences beneath the table.
        evaluations: Of the test splits, those of records that were replaced included.
        always: Sentences beneath the short table too: what is not in it.
        titles: What parts of names are called.
        everything: Nothing was chosen from the results folder: many groups then have a line each.
    """

    rows: list[Row]
    compared: list[Compared]
    columns: tuple[str, ...]
    metrics: dict[str, Metric]
    stages: bool
    notes: list[str]
    evaluations: Sequence[Evaluation] = ()
    always: tuple[str, ...] = ()
    titles: Titles = CANONICAL
    everything: bool = False

    def text(self, format: str = "text", details: bool = False) -> str:
        """As text, md, csv, latex, html or json; UsageError for another.

        Args:
            details: Of text: one wide table with letters, ranks and every note, instead of a short one a group.
        """
        return render(self, format, details)

    def _repr_html_(self) -> str:
        return self.text("html")

    def __str__(self) -> str:
        return self.text()


def aggregate(
    records: Iterable[Record],
    filter: str | Collection[str] | None = None,
    columns: Sequence[str] = (),
    stages: bool = False,
    split: str = "test",
    stale: Stale = lambda record: "",
    evaluations: Sequence[Evaluation] = (),
    scores: Scores | None = None,
) -> Table:
    """Make a table of records.

    TrivialBaselines and test test-set evaluations are taken from all ``records``, also from those the filter leaves
    out.

    Args:
        filter: A pattern (see `bench.tables.filters`), the names of cells, or None for everything.
        columns: Metrics of the tasks at hand, "n", and names in `FACTS`; empty: the tasks decide.
        stages: Show every stage of staged methods, not only the last.
        split: `test`, `val` or `external`.
        stale: Says why a record is out of date.
        evaluations: What has looked at the test splits, records that were replaced since included.
        scores: Item scores by metric; None: those in the records, of the metrics that their task shows.

    Raises:
        UsageError: A column or split is unknown, or the filter matches nothing.
    """
    records = list(records)
    chosen = select(records, filter)
    known = known_metrics(record.task for record in chosen)
    columns = tuple(columns) or default_columns(record.task for record in chosen)
    check_columns(columns, known, split)
    trivial_baselines = trivial_baseline_means(make_row(key, found, split) for key, found in group(records).items())
    groups, names = ordered(group(chosen, stages))
    plain = {key: replace(make_row(key, found, split), names=names[key]) for key, found in groups.items()}
    told, final = scores or packed_scores(split), group(chosen)
    compared_rows = {key: found for key, found in groups.items() if key in final}
    earlier = {key: found for key, found in groups.items() if key not in final}  # shown, and compared with nothing
    verdicts = compared(compared_rows, split, told)
    for some in (compared_rows, earlier):
        plain = with_intervals(plain, some, split, told, columns)
    placed = ranked(plain, verdicts)
    measured = [with_warnings(placed[key], found, stale, trivial_baselines(key)) for key, found in groups.items()]
    rows = measured + averaged(measured)
    return Table(
        rows,
        verdicts,
        columns,
        {name: known[name] for name in columns if name in known},
        stages,
        [
            *_intervals(rows, columns, split),
            *apart(verdicts),
            *resolution(verdicts),
            *seed_notes(verdicts),
            *_over_splits(verdicts, groups, placed, split),
            *(_without_trivial_baselines(measured, trivial_baselines) if any(row.values for row in rows) else ()),
            *_test_evaluations(evaluations, measured),
        ],
        evaluations,
        () if any(row.values for row in rows) else tuple(_shut(measured, split)),
    )


def _shut(rows: Sequence[Row], split: str) -> list[str]:
    """What is said where cells have finished, but without a look at this split."""
    if split == "val" or not any(row.seeds for row in rows):
        return []
    return [f"the {split} split was not opened by any of these; --split val shows validation data"]


def check_columns(columns: Sequence[str], known: Collection[str], split: str = "test") -> None:
    """Raise UsageError for a column or split that no table has."""
    allowed = (*known, "n", *FACTS)
    for column in columns:
        if column not in allowed:
            raise UsageError(f"No metric {column!r}. {nearest(column, allowed)}")
    check_split(split)


def _intervals(rows: Sequence[Row], columns: Sequence[str], split: str) -> list[str]:
    """What the intervals hold for: each kind once, with its rows where there are several kinds."""
    kinds: dict[str, tuple[dict[str, None], dict[Key, None]]] = {}
    for row in rows:
        for name in columns:
            if name in row.values and row.values[name].low is not None:
                names, keys = kinds.setdefault(row.values[name].note, ({}, {}))
                names[name] = keys[row.key] = None
    return [
        f"{', '.join(names)}: mean [95 % interval; {split} {kind}]" + (_of_rows(keys) if len(kinds) > 1 else "")
        for kind, (names, keys) in kinds.items()
    ]


def _of_rows(keys: Collection[Key]) -> str:
    methods = dict.fromkeys(key.method for key in keys)
    return f" ({', '.join(methods)})" if len(methods) <= 5 else f" ({len(keys)} rows)"


def _over_splits(
    found: Iterable[Compared], groups: dict[Key, list[Record]], rows: dict[Key, Row], split: str
) -> list[str]:  # fmt: skip
    """Differences of the best rows where the data seed draws the splits."""
    told = []
    for one in found:
        known = {key: rows[key].values.get(one.metric.name) for key in one.keys if one.problem == REDRAWN}
        told += notes({key: value.mean for key, value in known.items() if value}, groups, one.metric, split)
    return told


def _without_trivial_baselines(rows: list[Row], trivial_baselines: Callable[[Key], TrivialBaselines]) -> list[str]:
    """Settings in which methods cannot be compared with every trivial baseline."""
    ours = [row.key for row in rows if not row.key.imported]
    lacking = {(place(key), key.backbone, key.task, tuple(trivial_baselines(key))): None for key in ours}
    return [
        f"{where} on {backbone}: {' and '.join(missing)} not run, so nothing is marked as below"
        for where, backbone, task, present in lacking
        if (
            missing := [
                trivial_baseline
                for trivial_baseline in known_trivial_baselines(task)
                if trivial_baseline not in present
            ]
        )
    ]


def _test_evaluations(evaluations: Sequence[Evaluation], rows: list[Row]) -> list[str]:
    """How many configurations, and revisions of them, were evaluated on each test split shown.

    The more there are, the less its best number means.
    """
    configurations: dict[str, set[str]] = defaultdict(set)
    revisions: dict[str, set[tuple[str, str]]] = defaultdict(set)
    times: dict[str, int] = defaultdict(int)
    for evaluation in evaluations:
        where = evaluation.place
        configurations[where].add(evaluation.configuration)
        revisions[where].add((evaluation.configuration, evaluation.revision))
        times[where] += evaluation.times
    return [
        f"{where}: {len(configurations[where])} configurations ({len(revisions[where])} with their revisions) were "
        f"evaluated on the test split, {times[where]} times in all"
        for where in sorted({place(row.key) for row in rows})
    ]
