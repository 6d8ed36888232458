"""`bench.run`: suites and cells to records."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api.outcome import Outcome
from bench.api.places import Place, names, path
from bench.backbones.local import weights_folder
from bench.claims import required_runs
from bench.claims.published import chosen, load
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.core.speed import set_before_torch
from bench.engine.settings import Settings
from bench.executors.base import executor_of
from bench.grid.resolve import Resolved
from bench.grid.suite import Suite, from_variables, load_targets, notes_of
from bench.plugins.folders import add_folders, user_folders
from bench.tables.metrics import known_metrics
from bench.tables.table import check_columns


def run(
    *targets: str,
    claims: Sequence[str] = (),
    claims_folder: Place | None = None,
    data: Place | None = None,
    results: Place = "runs",
    weights: Place | None = None,
    device: str | None = None,
    executor: str = "inline",
    callbacks: Iterable[str] = (),
    partial: bool = False,
    dry_run: bool = False,
    fuse: bool = True,
    time_limit: float | None = None,
    checkpoint_every: float = 20.0,
    val_only: bool = False,
    metrics: str | Iterable[str] | None = None,
    keep_features: bool = False,
    keep_weights: bool = False,
    debug: bool = False,
    cache_gb: float = 20.0,
    quiet: bool = False,
    plugins: Iterable[Place] = (),
    **overrides: Any,
) -> Outcome:
    """Run suites and cells, as ``bench run`` does; only what is missing, failed or stale runs.

    Args:
        targets: Suites by name or file, cells by name.
        claims: Also what published claims need, as ``PAPER`` or ``PAPER:TABLE``.
        claims_folder: Folder of your own papers' CSVs, for ``claims``.
        data: Folder of the data sets; without it ``BENCH_DATA``, else a user cache.
        weights: Folder of weights; without it ``BENCH_WEIGHTS``, else timm's hub.
        results: Folder of the records.
        device: cpu, cuda, cuda:1, ...; without it CUDA when there is one, else the CPU.
        executor: What carries out groups of cells.
        callbacks: What watches the run, as ``tensorboard[folder=tb]``.
        partial: Accept incomplete data; tables say so.
        dry_run: Run nothing; the outcome's ``preview`` says what would run and why.
        fuse: Train cells together where they share a frozen backbone; the numbers are the same without.
        time_limit: Longest that a cell may train, in seconds.
        checkpoint_every: Seconds of training between checkpoints; 0: every epoch.
        val_only: Never open a test split.
        metrics: Columns of the outcome's table; an unknown one is refused before anything runs.
        keep_features: Keep features too, for `bench.errors` and ``bench.plot("embedding")``.
        keep_weights: Keep each cell's model, for `bench.predict`.
        debug: Print the traceback of what fails.
        cache_gb: Disk that kept features and views may take.
        quiet: No progress bar and no remarks.
        plugins: Further folders of plug-ins, beside those known already and those of ``BENCH_PLUGINS``.
        overrides: Variables of the suites to replace, as ``-o`` does: ``seeds=[0, 1, 2]``, ``epochs=5``, and
            ``**{"cladapter.k": [5, 50]}``.

    Raises:
        UsageError, DataError: The request is wrong or cannot be carried out; nothing has been written.
    """
    set_before_torch()
    add_folders(plugins)
    settings = Settings(
        results=Path(results), data=path(data), weights=path(weights), device=device, partial=partial, fuse=fuse,
        time_limit=time_limit, checkpoint_every=checkpoint_every, executor=executor, callbacks=tuple(callbacks),
        quiet=quiet, val_only=val_only, keep_features=keep_features, keep_weights=keep_weights, debug=debug,
        plugins=tuple(user_folders()), cache_gb=cache_gb,
    )  # fmt: skip
    asked = ask(targets, overrides, settings, dry_run, claims, path(claims_folder))
    if counting := [suite.name for suite in asked.suites if not suite.train]:
        told = " and ".join(counting)
        counted = command("run", *counting)
        raise UsageError(f"{told} trains nothing, it counts parameters. On the command line: `{counted}`")
    return carry_out(asked.cells, settings, names(metrics), dry_run)


@dataclass(frozen=True)
class Asked:
    """What a run is asked for."""

    suites: list[Suite]

    @property
    def cells(self) -> list[Resolved]:
        """To be trained, each once."""
        return _cells(suite for suite in self.suites if suite.train)

    @property
    def counted(self) -> list[Resolved]:
        """Whose parameters are to be counted, each once."""
        return _cells(suite for suite in self.suites if not suite.train)


def _cells(suites: Iterable[Suite]) -> list[Resolved]:
    return list({cell.name: cell for suite in suites for cell in suite.cells}.values())


def ask(
    targets: Sequence[str],
    overrides: Mapping[str, Any],
    settings: Settings,
    dry_run: bool = False,
    claims: Sequence[str] = (),
    claims_folder: Path | None = None,
) -> Asked:
    """Resolve everything that a run is asked for; arguments are those of `run`.

    Raises:
        UsageError: Nothing is asked for, or something that there is not.
    """
    if not targets and not claims:
        raise UsageError("Say what to run: a suite such as quick, a cell's name, or --claims PAPER[:TABLE].")
    if settings.executor != Settings.executor:
        executor = executor_of(settings.executor)
        if not dry_run:
            executor.check(settings)  # again in the run; here, before anything large is loaded
    weights = weights_folder(settings.weights)
    suites = load_targets(targets, dict(overrides), weights)
    if claims:
        suites += suites_for(claims, overrides, weights, claims_folder)
    if not settings.quiet:
        print(notes_of(suites), end="", file=sys.stderr)
    return Asked(suites)


def carry_out(
    cells: Sequence[Resolved], settings: Settings, metrics: Sequence[str] = (), dry_run: bool = False
) -> Outcome:
    """Run cells, or plan them; arguments and errors are those of `run`."""
    check_columns(metrics, known_metrics(cell.dataset.task for cell in cells))
    split = "val" if settings.val_only else "test"
    if dry_run:
        from bench.api.preview import preview

        planned, wanted = preview(cells, settings), [cell.name for cell in cells]
        return Outcome(wanted, 0, {}, settings.results, (), tuple(metrics), split, planned)
    from bench.engine.run import run as run_cells

    done = run_cells(cells, settings)
    return Outcome(done.cells, done.ran, done.failed, settings.results, done.left, tuple(metrics), split)


def suites_for(
    selectors: Sequence[str], overrides: Mapping[str, Any], weights: Path | None = None, folder: Path | None = None
) -> list[Suite]:
    """The suites that ``bench run --claims PAPER[:TABLE]`` runs: one for each cell that the claims name.

    Args:
        weights: The weights folder, which may name backbones.
        folder: Further CSVs of claims.

    Raises:
        UsageError: A selector or an override is wrong, or no claim has a cell.
    """
    papers = load(folder)
    claims = [claim for selector in selectors for claim in chosen(papers, selector)]
    return [
        from_variables(name, "", variables, dict(overrides), weights)
        for name, variables in required_runs.suites(claims).items()
    ]
