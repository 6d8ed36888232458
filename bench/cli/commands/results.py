"""`bench results`: whether a results folder can be relied on, smaller predictions, files made anew, hours spent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bench.cli.artifacts import Program, differing, make
from bench.cli.commands.text import as_json, columns
from bench.core.appending import cut_off
from bench.core.errors import UsageError
from bench.core.sizes import amount
from bench.grid.suite import load_suite
from bench.pages.packing import pack
from bench.pages.recomputed import contradicted
from bench.plugins.registry import catalog
from bench.records import Record, Store, evaluation_log, review_status
from bench.records.inspection import Inspected, inspect

ENOUGH = 100  # records for a process of its own, which takes seconds to start


def check(results: Path, json: bool, program: Program) -> tuple[str, bool]:
    """The findings as text, and whether all is well.

    Args:
        program: What makes the folder's files again; see `bench.cli.artifacts`.

    Raises:
        UsageError: There is no such folder, or what its files are made by cannot be carried out.
    """
    store = Store(results)
    enough = sum(1 for _ in store.paths()) // ENOUGH
    found = inspect(store, contradicted, processes=max(1, min(os.cpu_count() or 1, enough)))
    found = replace(found, problems=[*found.problems, *differing(results, program)])
    return (as_json(asdict(found)) if json else _told(found, results)), not found.problems


def packed(results: Path) -> str:
    """Round predictions, and say what that saved; errors are those of `bench.pages.packing.pack`."""
    done = pack(Store(results))
    sizes = f"{amount(done.before)} before, {amount(done.after)} now"
    return f"{results}: predictions of {done.packed} of {done.records} records are smaller now; {sizes}."


def remade(results: Path, program: Program) -> str:
    """Write what the folder's list names; errors are those of `bench.cli.artifacts.make`."""
    return "\n".join(f"made {results / file}" for file in make(results, program))


def cost(results: Path, patterns: Sequence[str]) -> str:
    """Thread-hours of each suite's cells that have a record here: wall time by the number of threads.

    Raises:
        UsageError: No suite has such a name.
    """
    names = [name for name in catalog("suites") if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not names:
        raise UsageError(f"No suite is called {' or '.join(patterns)}; `bench list suites` names them.")
    records = {record.cell: record for record in Store(results).all()}
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


def _told(found: Inspected, results: Path) -> str:
    lines = [f"problem  {problem}" for problem in found.problems]
    lines += [f"note     {stray} belongs to no record" for stray in found.strays]
    logs = [results / log for log in (evaluation_log.FILE, review_status.FILE)]
    lines += [f"note     {told}" for log in logs for told in cut_off(log)]
    summary = f"{results}: {found.records} records with their predictions, {found.failures} failures"
    more = f", {len(found.problems)} problems." if found.problems else ". All is well."
    return "\n".join([*lines, summary + more])
