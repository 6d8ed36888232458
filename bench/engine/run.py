"""`bench run`: plan, group, execute. Everything that can be wrong with the request is found before training starts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from bench.backbones.weights import load
from bench.cells.cell import Cell
from bench.core.environment import choose_device, make_deterministic
from bench.core.errors import DataError, UsageError
from bench.core.progress import Reporter
from bench.data.cache import decoded
from bench.engine.evidence import failed_record, lacking_record
from bench.engine.group_run import GroupRun
from bench.engine.groups import Group, group_tasks
from bench.engine.plan import Lacking, Planner, Task
from bench.engine.settings import Settings
from bench.executors.base import executor
from bench.methods import Method
from bench.methods.build import check
from bench.records import Hardware, Record, Store


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

    Cells whose data are missing, do not match or are corrupt fail, as long as there are others.

    Raises:
        UsageError, DataError: The request cannot be carried out; nothing has been written.
        KeyboardInterrupt: Stopped; finished cells are stored, others continue from their last epoch.
    """
    make_deterministic()
    device, execute = choose_device(settings.device), executor(settings.executor)
    store, planner = Store(settings.results), Planner(settings)
    lacking: Lacking = []
    tasks = planner.plan(cells, store, lacking)
    open_tasks = [task for task in tasks if task.reason]
    check_writable(settings)
    failed = [lacking_record(*lack) for lack in lacking] + preflight(open_tasks, planner, settings)
    if failed and len(failed) == len(tasks) + len(lacking):
        raise DataError(failed[0].error.message if failed[0].error else "")
    for record in failed:
        store.put_failure(record)
    broken = {record.cell for record in failed}
    groups = group_tasks([task for task in open_tasks if str(task.cell) not in broken], settings.fuse)
    with Reporter(len(open_tasks) - len(failed) + len(lacking), epochs(groups), settings.quiet) as reporter:
        execute(groups, settings, lambda g, wait: GroupRun(g, settings, planner, store, device, reporter).run(wait))
    return outcome(tasks, lacking, store)


def outcome(tasks: list[Task], lacking: Lacking, store: Store) -> Outcome:
    """What a run did, as the store tells."""
    names = [str(task.cell) for task in tasks] + [str(resolved.cell) for resolved, _ in lacking]
    ran = sum(bool(task.reason) for task in tasks) + len(lacking)
    failed = {name: f"{f.error.kind}: {f.error.message}" for name in names if (f := store.failure(name)) and f.error}
    return Outcome(names, ran, len(names) - ran, failed)


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


def preflight(tasks: list[Task], planner: Planner, settings: Settings) -> list[Record]:
    """Load each backbone and decode each data set once, so that wrong weights or a corrupt image show at once.

    Returns:
        Failures of the cells whose images cannot be decoded.

    Raises:
        UsageError: Weights do not fit, a method does not apply to a backbone, or selection lacks validation data.
    """
    specs = {str(task.cell.backbone): task.cell.backbone for task in tasks}
    backbones = {name: load(spec, planner.weights_folder) for name, spec in specs.items()}
    for backbone, method in {(str(task.cell.backbone), task.resolved.method) for task in tasks}:
        if isinstance(method, Method):
            check(backbones[backbone], method)
    images: dict[tuple[str, int, str], list[Task]] = {}
    for task in tasks:
        recipe = task.resolved.recipe
        if not task.prepared.counts["val"] and task.trials and (task.selection == "val_best" or recipe.lr_grid):
            raise UsageError(f"{task.cell.dataset} has no validation split: use selection=last and no lr_grid.")
        key = (task.prepared.identity, backbones[str(task.cell.backbone)].size, recipe.resize)
        images.setdefault(key, []).append(task)
    return [record for (_, size, _), users in images.items() for record in undecodable(users, size, settings)]


def undecodable(tasks: list[Task], size: int, settings: Settings) -> list[Record]:
    """Decode the images that tasks share; their failures when one of the images is corrupt."""
    task = tasks[0]
    try:
        decoded(task.prepared, size, task.resolved.recipe.resize, task.weights.interpolation, quiet=settings.quiet)
    except DataError as error:
        return [failed_record(task, error, Hardware()) for task in tasks]
    return []
