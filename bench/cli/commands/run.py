"""`bench run`: suites and cells to records, then the table of what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from json import loads
from typing import TYPE_CHECKING

from bench.cells.cell import Cell
from bench.cli.commands.table import table
from bench.cli.commands.text import as_json, columns, duration, size
from bench.engine.settings import Settings
from bench.grid.suite import Suite, load_targets, parse_override

if TYPE_CHECKING:
    from bench.engine.estimate import Cost
    from bench.engine.groups import Group
    from bench.engine.run import Outcome


def run(targets: list[str], overrides: list[str], settings: Settings, dry_run: bool, json: bool) -> int:
    """Carry out ``bench run`` and return the exit code: 0, or 1 when cells failed.

    Raises:
        UsageError, DataError: The request is wrong or cannot be carried out; nothing has been written.
    """
    suites = requested(targets, overrides)
    if counted := cells_of(suite for suite in suites if not suite.train):
        print(counts(counted, settings, json))
    cells = cells_of(suite for suite in suites if suite.train)
    if not cells:
        return 0
    if dry_run:
        print(preview(cells, settings, json))
        return 0
    from bench.engine.run import run as run_cells

    outcome = run_cells(cells, settings)
    if json:
        print(as_json({**asdict(outcome), "table": loads(table(settings.results, outcome.cells, "json"))}))
    elif not settings.quiet:
        print(table(settings.results, outcome.cells))
        print(summary(outcome, settings), file=sys.stderr)
    return 1 if outcome.failed else 0


def summary(outcome: Outcome, settings: Settings) -> str:
    """One line on what was done."""
    total = len(outcome.cells)
    if not outcome.ran:
        return f"Nothing to do: all {total} cells are up to date in {settings.results}."
    return f"{total} cells: {outcome.ran} ran, {outcome.up_to_date} were up to date, {len(outcome.failed)} failed."


def requested(targets: list[str], overrides: list[str]) -> list[Suite]:
    """The suites of all targets."""
    return load_targets(targets, dict(parse_override(text) for text in overrides))


def cells_of(suites: Iterable[Suite]) -> list[Cell]:
    """The cells of suites, each once."""
    return list(dict.fromkeys(cell for suite in suites for cell in suite.cells))


def counts(cells: list[Cell], settings: Settings, json: bool) -> str:
    """Parameters and multiply-accumulates of cells that are not to be trained."""
    from bench.backbones.local import weights_folder
    from bench.engine import counting

    found = counting.count(cells, weights_folder(settings.weights), settings.data)
    return as_json([asdict(one) for one in found]) if json else columns(counting.table(found))


def described(group: Group, cost: Cost) -> str:
    """One line on what a group costs, and what its cells would cost alone."""
    about = f"{len(group.tasks)} cells, about {duration(cost.seconds)}"
    if spared := group.trunk_epochs_spared:
        about += f" ({duration(cost.seconds_alone)} one by one: sharing spares {spared} epochs of the trunk)"
    return f"{about}, disk {size(cost.disk)}, memory {size(cost.memory)}"


def preview(cells: Iterable[Cell], settings: Settings, json: bool) -> str:
    """Which cells would run, why, and what sharing spares."""
    from bench.core.environment import choose_device
    from bench.engine.estimate import estimate
    from bench.engine.groups import group_tasks
    from bench.engine.plan import Lacking, Planner
    from bench.records import Store

    planner, device = Planner(settings), choose_device(settings.device)
    lacking: Lacking = []
    tasks = planner.plan(cells, Store(settings.results), lacking)
    if lacking and not tasks:
        raise lacking[0][1]
    groups = group_tasks([task for task in tasks if task.reason], settings.fuse)
    if json:
        plan = [{"cell": str(task.cell), "reason": task.reason} for task in tasks]
        plan += [{"cell": str(r.cell), "reason": f"{error.kind}: {error}"} for r, error in lacking]
        shared = [
            {
                "cells": [str(t.cell) for t in group.tasks],
                "trunk_epochs_spared": group.trunk_epochs_spared,
                **asdict(estimate(group, planner, device)),
            }
            for group in groups
        ]
        return as_json({"cells": plan, "groups": shared})
    lines = [columns([task.reason or "up to date", str(task.cell)] for task in tasks)]
    lines += [f"would fail: {resolved.cell}: {error}" for resolved, error in lacking]
    for number, group in enumerate(groups, 1):
        lines += [f"group {number}: {described(group, estimate(group, planner, device))}"]
        lines += [f"    {cell}" for cell in group.cells if len(groups) > 1]
    return "\n".join([*lines, f"{sum(bool(t.reason) for t in tasks)} of {len(tasks)} cells would run."])
