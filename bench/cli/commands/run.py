"""`bench run`: the table of what was asked for, and what to do next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.api.outcome import Outcome
from bench.api.places import names
from bench.api.run import ask, carry_out
from bench.backbones.local import weights_folder
from bench.cli.commands.next_steps import going_on
from bench.cli.commands.table import external_text
from bench.core.launch import follows
from bench.core.text import as_json, columns, counted
from bench.engine.settings import Settings
from bench.grid.resolve import Resolved
from bench.grid.suite import parse_override
from bench.tables.render import to_json


def run(
    targets: list[str],
    overrides: list[str],
    settings: Settings,
    dry_run: bool,
    json: bool,
    claims: Sequence[str] = (),
    metrics: str | None = None,
    claims_folder: Path | None = None,
) -> int:
    """Carry out ``bench run`` and return the exit code: 0, or 1 when cells failed.

    Raises:
        UsageError, DataError: The request is wrong or cannot be carried out; nothing has been written.
    """
    replaced = dict(parse_override(text) for text in overrides)
    asked = ask(targets, replaced, settings, dry_run, claims, claims_folder)
    if asked.counted:
        print(counts(asked.counted, settings, json))
    if not asked.cells:
        return 0
    outcome = carry_out(asked.cells, settings, names(metrics), dry_run)
    if follows():
        return 0
    if outcome.preview is not None:
        print(as_json(outcome.preview.plain()) if json else outcome.preview)
    elif json:
        print(as_json(plain(outcome)))
    elif not settings.quiet:
        show(outcome)
        print(going_on(outcome, asked.cells, settings, targets, overrides), file=sys.stderr)
    return 1 if outcome.failed else 0


def show(outcome: Outcome) -> None:
    """Print the table, what it says, and how many cells ran."""
    table = outcome.table()
    print("\n".join(part for part in (str(table), external_text(outcome)) if part))
    print(done_line(outcome), file=sys.stderr)


def plain(outcome: Outcome) -> dict[str, object]:
    """For scripts: what was done, and the rows of the table."""
    done = {name: getattr(outcome, name) for name in ("cells", "ran", "up_to_date", "failed", "left")}
    return {**done, "table": to_json(outcome.table())}


def done_line(outcome: Outcome) -> str:
    """One line on what was done."""
    total = len(outcome.cells)
    if not outcome.ran:
        return f"Nothing to do: all {total} cells are up to date in {outcome.results}."
    parts = f"{outcome.ran} ran, {outcome.up_to_date} were up to date, {len(outcome.failed)} failed"
    return f"{counted(total, 'cell')}: {parts}."


def counts(cells: list[Resolved], settings: Settings, json: bool) -> str:
    """Parameters and multiply-accumulates of cells that are not to be trained."""
    from bench.engine import counting

    found = counting.count(cells, weights_folder(settings.weights), settings.data)
    return as_json([asdict(one) for one in found]) if json else columns(counting.table(found))
