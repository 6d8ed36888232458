"""`bench results`: whether everything in a results folder can be relied on, smaller predictions, files made anew."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from bench.cli.commands.text import as_json
from bench.cli.made import differing, make
from bench.core.sizes import amount
from bench.records import Store
from bench.records.inspection import Inspected, inspect
from bench.report.packing import pack
from bench.report.recomputed import contradicted


def check(results: Path, json: bool) -> tuple[str, bool]:
    """The findings as text, and whether all is well.

    Raises:
        UsageError: There is no such folder, or what its files are made by cannot be carried out.
    """
    found = inspect(Store(results), contradicted)
    found = replace(found, problems=[*found.problems, *differing(results)])
    return (as_json(asdict(found)) if json else _told(found, results)), not found.problems


def packed(results: Path) -> str:
    """Round predictions, and say what that saved; errors are those of `bench.report.packing.pack`."""
    done = pack(Store(results))
    sizes = f"{amount(done.before)} before, {amount(done.after)} now"
    return f"{results}: predictions of {done.packed} of {done.records} records are smaller now; {sizes}."


def remade(results: Path) -> str:
    """Write what the folder's list names; errors are those of `bench.cli.made.make`."""
    return "\n".join(f"made {results / file}" for file in make(results))


def _told(found: Inspected, results: Path) -> str:
    lines = [f"problem  {problem}" for problem in found.problems]
    lines += [f"note     {stray} belongs to no record" for stray in found.strays]
    summary = f"{results}: {found.records} records with their predictions, {found.failures} failures"
    more = f", {len(found.problems)} problems." if found.problems else ". All is well."
    return "\n".join([*lines, summary + more])
