"""`bench table`: records as a table, in words and formats."""

from __future__ import annotations

from bench.api.outcome import Outcome
from bench.api.places import joined, names
from bench.api.table import external, make
from bench.records import Store
from bench.tables.corrupt_records import records_of

FOR_PEOPLE = ("rich", "md", "html")
EXTERNAL_TITLE = "On the external test data, which were opened together with the test split:"


def text(
    filter: list[str] | None,
    results: Store,
    format: str = "rich",
    metrics: str | None = None,
    stages: bool = False,
    split: str = "test",
) -> str:
    """Text of ``bench table``; for people also the table of external test data, where there are some.

    Raises:
        UsageError: There are no records, or a filter, format, column or split is wrong.
    """
    records, chosen, columns = records_of(results), joined(filter), names(metrics)
    told = make(results, chosen, columns, stages, split, records).text(format)
    wanted = split == "test" and format in FOR_PEOPLE
    further = external(results, chosen, columns, stages, records) if wanted else None
    return f"{told}\n\n{EXTERNAL_TITLE}\n{further.text(format)}" if further else told


def external_text(outcome: Outcome) -> str:
    """The table of external test data behind a run's, where some were given."""
    further = external(Store(outcome.results), outcome.cells) if outcome.split == "test" else None
    return f"\n{EXTERNAL_TITLE}\n{further}\n" if further else ""
