"""`bench status`: who is at what in a results folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from bench.core.errors import UsageError
from bench.core.text import as_json, columns
from bench.engine.status import underway


def show(results: Path, json: bool) -> str:
    """The groups that run, wait or were stopped, one line each with their cells below.

    Raises:
        UsageError: There is no such folder.
    """
    if not results.is_dir():
        raise UsageError(f"There is no results folder {results}. Change --results.")
    found = sorted(underway(results), key=lambda one: (one.state, one.where))
    if json:
        return as_json([asdict(one) for one in found])
    if not found:
        return f"Nothing is under way in {results}."
    heads = columns([one.state, f"{one.done} of {one.epochs} epochs", one.where] for one in found).splitlines()
    return "\n".join(
        line for head, one in zip(heads, found, strict=True) for line in (head, *(f"    {name}" for name in one.cells))
    )
