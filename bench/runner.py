"""`bench run`: plan, group, execute. Everything that can be wrong with the request is found before training starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from bench.backbones.weights import load
from bench.cell import Cell
from bench.data.cache import decoded
from bench.environment import choose_device, make_deterministic
from bench.errors import UsageError
from bench.executors import executor
from bench.groups import Group, group_tasks
from bench.methods import Method
from bench.methods.build import check
from bench.plan import Planner, Task
from bench.progress import Reporter
from bench.records import Store
from bench.settings import Settings
from bench.work import GroupRun


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        cells: Canonical names of all cells asked for, in order.
        up_to_date: How many needed nothing.
        failed: Canonical name -> "kind: message" of the cells that failed.
    """

    cells: list[str]
    ran: int
    up_to_date: int
    failed: dict[str, str]


def run(cells: Iterable[Cell], settings: Settings) -> Outcome:
    """Run what is missing, failed or stale among ``cells``.

    Raises:
        UsageError, DataError: The request cannot be carried out; nothing has been written.
        KeyboardInterrupt: Stopped; finished cells are stored, others continue from their last epoch.
    """
    make_deterministic()
    device, execute = choose_device(settings.device), executor(settings.executor)
    store, planner = Store(settings.results), Planner(settings)
    tasks = planner.plan(cells, store)
    open_tasks = [task for task in tasks if task.reason]
    check_writable(settings)
    preflight(open_tasks, planner, settings)
    groups = group_tasks(open_tasks, settings.fuse)
    with Reporter(len(open_tasks), epochs(groups), settings.quiet) as reporter:
        execute(groups, lambda group: GroupRun(group, settings, planner, store, device, reporter).run())
    names = [str(task.cell) for task in tasks]
    failed = {name: f"{f.error.kind}: {f.error.message}" for name in names if (f := store.failure(name)) and f.error}
    return Outcome(names, len(open_tasks), len(tasks) - len(open_tasks), failed)


def epochs(groups: list[Group]) -> int:
    """Epochs of training that groups need, each shared stage counted once."""
    unique = {(group.key, job.key): job for group in groups for task in group.tasks for job in task.jobs}
    return sum(job.recipe.epochs for job in unique.values())


def check_writable(settings: Settings) -> None:
    """Raise UsageError unless the results folder can be written."""
    folder = settings.results
    existing = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UsageError(f"Cannot write results to {folder}. Choose another folder with --results.")


def preflight(tasks: list[Task], planner: Planner, settings: Settings) -> None:
    """Load each backbone and decode each data set once, so that wrong weights or a corrupt image stop the run early.

    Raises:
        UsageError: Weights do not fit, a method does not apply to a backbone, or selection lacks validation data.
        DataError: An image is corrupt.
    """
    specs = {str(task.cell.backbone): task.cell.backbone for task in tasks}
    backbones = {name: load(spec, planner.weights_folder) for name, spec in specs.items()}
    for backbone, method in {(str(task.cell.backbone), task.resolved.method) for task in tasks}:
        if isinstance(method, Method):
            check(backbones[backbone], method)
    images = {}
    for task in tasks:
        recipe = task.resolved.recipe
        if not task.prepared.counts["val"] and task.trials and (task.selection == "val_best" or recipe.lr_grid):
            raise UsageError(f"{task.cell.dataset} has no validation split: use selection=last and no lr_grid.")
        images[task.prepared.identity, backbones[str(task.cell.backbone)].size, recipe.resize] = task
    for (_, size, resize), task in images.items():
        decoded(task.prepared, size, resize, task.weights.interpolation, quiet=settings.quiet)
