"""`bench results check`: whether everything in a results folder can be relied on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from bench.cli.commands.text import as_json
from bench.records import Store
from bench.records.inspection import Inspected, inspect


def check(results: Path, json: bool) -> tuple[str, bool]:
    """The findings as text, and whether all is well; errors are those of `bench.records.inspection.inspect`."""
    found = inspect(Store(results))
    return (as_json(asdict(found)) if json else _told(found, results)), not found.problems


def _told(found: Inspected, results: Path) -> str:
    lines = [f"problem  {problem}" for problem in found.problems]
    lines += [f"note     {stray} belongs to no record" for stray in found.strays]
    summary = f"{results}: {found.records} records with their predictions, {found.failures} failures"
    more = (
        f", {len(found.problems)} damaged. `bench run` runs their cells again." if found.problems else ". All is well."
    )
    return "\n".join([*lines, summary + more])
