"""`bench table`: records as a table, in words and formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.api.outcome import Outcome
from bench.api.places import joined
from bench.api.places import names as listed
from bench.api.table import external, make
from bench.core.commands import command
from bench.records import Record, Store
from bench.tables import Table
from bench.tables.comparison_groups import name_of
from bench.tables.corrupt_records import records_of
from bench.tables.naming import SETTING, naming
from bench.tables.rows import group
from bench.tables.titles import Titles, labels_of

FOR_PEOPLE = ("text", "md", "html")
EXTERNAL_TITLE = "On the external test data, which were opened together with the test split:"


def text(
    filter: list[str] | None,
    results: Store,
    format: str = "text",
    metrics: str | None = None,
    stages: bool = False,
    split: str = "test",
    details: bool = False,
    names: bool = False,
    label: Sequence[str] = (),
) -> str:
    """Text of ``bench table``; for people also the table of external test data, where there are some.

    Raises:
        UsageError: There are no records, or a filter, format, column, label or split is wrong.
    """
    records, chosen, columns = records_of(results), joined(filter), listed(metrics)
    titles = Titles(labels_of(results.folder, label), names)
    found = make(results, chosen, columns, stages, split, records, titles)
    told = found.text(format, details)
    if format == "text" and not details and (step := next_step(found, records, results.folder)):
        told += f"\n\nNext: {step}"
    wanted = split == "test" and format in FOR_PEOPLE
    further = external(results, chosen, columns, stages, records, titles) if wanted else None
    return f"{told}\n\n{EXTERNAL_TITLE}\n{further.text(format, details)}" if further else told


def external_text(outcome: Outcome) -> str:
    """The table of external test data behind a run's, where some were given."""
    further = external(Store(outcome.results), outcome.cells) if outcome.split == "test" else None
    return f"\n{EXTERNAL_TITLE}\n{further}\n" if further else ""


def next_step(table: Table, records: Sequence[Record], results: Path) -> str:
    """A command that looks closer: at one of many groups, or at the two best rows of the first; empty where there are
    no two."""
    rows = group(records, table.stages)
    for compared in table.compared:
        if compared.verdicts is None:
            continue
        if table.everything and len(table.compared) > 1:
            record = rows[compared.keys[0]][0]
            return command("table", naming(record, records, (*SETTING, "recipe")), results=results)
        best = [compared.verdicts.names[place] for place in compared.verdicts.order[:2]]
        keys = {name_of(key): key for key in compared.keys}
        words = [naming(rows[keys[name]][0], records) for name in best]
        if len(set(words)) == 2:
            return command("compare", *words, results=results)
    return ""
