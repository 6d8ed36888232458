"""`bench results cost`: hours spent on suites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from bench.core.errors import UsageError
from bench.core.text import columns
from bench.grid.suite import load_suite
from bench.plugins.registry import catalog
from bench.records import Record, Store


def text(suites: Sequence[str], results: Store) -> str:
    """Thread-hours of each suite's cells that have a record here: wall time by the number of threads.

    Raises:
        UsageError: No suite has such a name.
    """
    names = [name for name in catalog("suites") if any(fnmatchcase(name, pattern) for pattern in suites)]
    if not names:
        raise UsageError(f"No suite is called {' or '.join(suites)}; `bench list suites` names them.")
    records = {record.cell: record for record in results.all()}
    counted: dict[str, float] = {}
    rows = [_row(name, cells, records, counted) for name, cells in ((n, _cells(n)) for n in names)]
    total = f"{len(counted)} cells, {sum(counted.values()):.1f} thread-hours; a cell of several suites counts once."
    return columns([("suite", "cells", "done", "thread-hours"), *rows], indent=0) + "\n" + total


def _cells(suite: str) -> list[str]:
    return [str(resolved.cell) for resolved in load_suite(suite).cells]


def _row(suite: str, cells: Sequence[str], records: Mapping[str, Record], counted: dict[str, float]) -> tuple[str, ...]:
    """A suite's row; ``counted`` gets the hours of each of its cells."""
    costs = {name: records[name].hardware for name in cells if name in records}
    hours = {name: cost.seconds * cost.threads / 3600 for name, cost in costs.items()}
    counted.update(hours)
    return suite, str(len(cells)), str(len(hours)), f"{sum(hours.values()):.2f}"
