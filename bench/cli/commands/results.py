"""`bench results`: whether a results folder can be relied on, smaller predictions, files made anew."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

from bench.cli.artifacts import differing, make
from bench.core.appending import cut_off
from bench.core.sizes import amount
from bench.core.text import as_json
from bench.pages.packing import pack
from bench.pages.recomputed import contradicted
from bench.records import Store, evaluation_log, review_status
from bench.records.inspection import Inspected, inspect

ENOUGH = 100  # records for a process of its own, which takes seconds to start


def check(results: Path, json: bool) -> tuple[str, bool]:
    """The findings as text, and whether all is well.

    Raises:
        UsageError: There is no such folder, or what its files are made by cannot be carried out.
    """
    store = Store(results)
    enough = sum(1 for _ in store.paths()) // ENOUGH
    found = inspect(store, contradicted, processes=max(1, min(os.cpu_count() or 1, enough)))
    found = replace(found, problems=[*found.problems, *differing(results)])
    return (as_json(asdict(found)) if json else _told(found, results)), not found.problems


def packed(results: Path) -> str:
    """Round predictions, and say what that saved; errors are those of `bench.pages.packing.pack`."""
    done = pack(Store(results))
    sizes = f"{amount(done.before)} before, {amount(done.after)} now"
    return f"{results}: predictions of {done.packed} of {done.records} records are smaller now; {sizes}."


def remade(results: Path) -> str:
    """Write what the folder's list names; errors are those of `bench.cli.artifacts.make`."""
    return "\n".join(f"made {results / file}" for file in make(results))


def _told(found: Inspected, results: Path) -> str:
    lines = [f"problem  {problem}" for problem in found.problems]
    lines += [f"note     {stray} belongs to no record" for stray in found.strays]
    logs = [results / log for log in (evaluation_log.FILE, review_status.FILE)]
    lines += [f"note     {told}" for log in logs for told in cut_off(log)]
    summary = f"{results}: {found.records} records with their predictions, {found.failures} failures"
    more = f", {len(found.problems)} problems." if found.problems else ". All is well."
    return "\n".join([*lines, summary + more])
