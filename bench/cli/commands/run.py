"""`bench run`: suites and cells to records, then the table of what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING

from bench.backbones.local import weights_folder
from bench.cli.commands.next_steps import going_on
from bench.cli.commands.table import EXTERNAL_TITLE, external_cells, listed, make, table
from bench.cli.commands.text import as_json, columns, duration
from bench.core.errors import UsageError
from bench.core.sizes import amount
from bench.engine.settings import Settings
from bench.executors.base import executor_of
from bench.grid.suite import Suite, load_targets, notes_of, parse_override
from bench.records import Store
from bench.tables import render
from bench.tables.metrics import known_metrics
from bench.tables.summary import summary
from bench.tables.table import check_columns

if TYPE_CHECKING:
    from bench.engine.estimate import Cost
    from bench.engine.groups import Group
    from bench.engine.run import Done
    from bench.grid.resolve import Resolved


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
    if not targets and not claims:
        raise UsageError("Say what to run: a suite such as quick, a cell's name, or --claims PAPER[:TABLE].")
    if settings.executor != Settings.executor:
        executor = executor_of(settings.executor)
        if not dry_run:
            executor.check(settings)  # again in the run; here, before anything large is loaded
    suites = [*requested(targets, overrides, settings), *needed(claims, overrides, settings, claims_folder)]
    if not settings.quiet:
        print(notes_of(suites), end="", file=sys.stderr)
    if counted := cells_of(suite for suite in suites if not suite.train):
        print(counts(counted, settings, json))
    cells = cells_of(suite for suite in suites if suite.train)
    if not cells:
        return 0
    check_columns(listed(metrics), known_metrics(cell.dataset.task for cell in cells))
    if dry_run:
        print(preview(cells, settings, json))
        return 0
    from bench.engine.run import run as run_cells

    outcome, split = run_cells(cells, settings), "val" if settings.val_only else "test"
    store = Store(settings.results)
    if json:
        told = table(store, outcome.cells, "json", metrics, split=split)
        print(as_json({**asdict(outcome), "table": loads(told)}))
    elif not settings.quiet:
        shown = make(store, outcome.cells, listed(metrics), split=split)
        further = external(settings, outcome.cells) if split == "test" else ""
        print("\n".join(part for part in (render(shown), further, summary(shown)) if part))
        print(done_line(outcome, settings), file=sys.stderr)
        print(going_on(outcome, cells, settings, targets, overrides), file=sys.stderr)
    return 1 if outcome.failed else 0


def external(settings: Settings, cells: list[str]) -> str:
    """The table of the external test data, where some were given."""
    found = external_cells(Store(settings.results).readable(), cells)
    return f"\n{EXTERNAL_TITLE}\n{render(make(Store(settings.results), found, split='external'))}\n" if found else ""


def done_line(outcome: Done, settings: Settings) -> str:
    """One line on what was done."""
    total = len(outcome.cells)
    if not outcome.ran:
        return f"Nothing to do: all {total} cells are up to date in {settings.results}."
    return f"{total} cells: {outcome.ran} ran, {outcome.up_to_date} were up to date, {len(outcome.failed)} failed."


def requested(targets: list[str], overrides: list[str], settings: Settings) -> list[Suite]:
    """The suites of all targets."""
    weights = weights_folder(settings.weights)
    return load_targets(targets, dict(parse_override(text) for text in overrides), weights)


def needed(claims: Sequence[str], overrides: list[str], settings: Settings, folder: Path | None) -> list[Suite]:
    """The suites that published claims need, those of a person's own folder of papers included."""
    if not claims:
        return []
    from bench.cli.commands.verify import suites_for

    return suites_for(list(claims), overrides, weights_folder(settings.weights), folder)


def cells_of(suites: Iterable[Suite]) -> list[Resolved]:
    """The cells of suites, each once."""
    return list({cell.name: cell for suite in suites for cell in suite.cells}.values())


def counts(cells: list[Resolved], settings: Settings, json: bool) -> str:
    """Parameters and multiply-accumulates of cells that are not to be trained."""
    from bench.engine import counting

    found = counting.count(cells, weights_folder(settings.weights), settings.data)
    return as_json([asdict(one) for one in found]) if json else columns(counting.table(found))


def described(group: Group, cost: Cost) -> str:
    """One line on what a group costs, and what its cells would cost alone."""
    about = f"{len(group.cells)} cells, about {duration(cost.seconds)}"
    if spared := group.backbone_epochs_spared:
        about += f" ({duration(cost.seconds_alone)} one by one: sharing spares {spared} epochs of the backbone)"
    if any(job.recipe.patience for job in group.jobs):
        about += f", at most {sum(job.epochs for job in group.jobs)} epochs"
    return f"{about}, disk {amount(cost.disk)}, memory {amount(cost.memory)}"


def preview(cells: Iterable[Resolved], settings: Settings, json: bool) -> str:
    """Which cells would run, why, and what sharing spares.

    Raises:
        UsageError, DataError: The run would refuse the cells.
    """
    from bench.core.environment import choose_device
    from bench.engine.estimate import estimate
    from bench.engine.groups import group_cells
    from bench.engine.plan import Lacking, Planner
    from bench.engine.run import check_planned

    planner, device = Planner(settings), choose_device(settings.device)
    lacking: Lacking = []
    planned = planner.plan(cells, Store(settings.results), lacking)
    if lacking and not planned:
        raise lacking[0][1]
    to_do = [one for one in planned if one.reason]
    check_planned(to_do, settings)
    groups = group_cells(to_do, settings.fuse)
    if json:
        plan = [{"cell": one.name, "reason": one.reason} for one in planned]
        plan += [{"cell": r.name, "reason": f"{error.kind}: {error}"} for r, error in lacking]
        shared = [
            {
                "cells": group.names,
                "backbone_epochs_spared": group.backbone_epochs_spared,
                **asdict(estimate(group, device)),
            }
            for group in groups
        ]
        return as_json({"cells": plan, "groups": shared})
    lines = [columns([one.reason or "up to date", one.name] for one in planned)]
    lines += [f"would fail: {resolved.name}: {error}" for resolved, error in lacking]
    for number, group in enumerate(groups, 1):
        lines += [f"group {number}: {described(group, estimate(group, device))}"]
        lines += [f"    {cell}" for cell in group.names if len(groups) > 1]
    return "\n".join([*lines, f"{len(to_do)} of {len(planned)} cells would run."])
