"""`bench run`: plan, group, execute. Everything that can be wrong with the request is found before training starts."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.callbacks.base import Callbacks, RunEvent, callbacks_of
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.cells.recipes import GRIDS, Recipe
from bench.core import ranks
from bench.core.commands import command
from bench.core.environment import choose_device, determinism
from bench.core.errors import DataError, UsageError
from bench.core.logs import show_tracebacks
from bench.core.progress import Reporter
from bench.data.augment.base import check_augment
from bench.data.decoded import decoded
from bench.data.formats.readers import kept_extent
from bench.engine.first_call import problem_of_first_call
from bench.engine.group_tracker import GroupWork
from bench.engine.groups import Group, group_cells
from bench.engine.plan import Lacking, Planned, Planner
from bench.engine.record_builder import failed_record, lacking_record
from bench.engine.settings import Settings
from bench.engine.setup import readers
from bench.executors.base import executor_of
from bench.grid.resolve import Resolved, resolve_all
from bench.methods.base import Method
from bench.methods.build import check
from bench.plugins.folders import add_folders
from bench.records import Hardware, Record, Store

INLINE = "inline"
LINES = "print"


@dataclass(frozen=True)
class Done:
    """What a run did.

    Attributes:
        cells: Canonical names of all cells asked for, in order.
        up_to_date: How many needed nothing.
        failed: Canonical name -> "kind: message" of the cells that failed.
        left: Cells that another process is at, when the executor does not wait for it.
    """

    cells: list[str]
    ran: int
    up_to_date: int
    failed: dict[str, str]
    left: tuple[str, ...] = ()


def run(cells: Iterable[Resolved], settings: Settings) -> Done:
    """Run what is missing, failed or stale among ``cells``; the process's settings are restored afterwards.

    Cells whose data are missing, do not match or are corrupt fail, as long as there are others.

    Raises:
        UsageError, DataError: The request cannot be carried out; nothing has been written.
        KeyboardInterrupt: Stopped; finished cells are stored, others continue from their last epoch.
    """
    if settings.debug:
        show_tracebacks()
    with determinism(), ranks.joined(settings.device):
        return follow(settings) if ranks.rank() else _run(cells, settings)


def follow(settings: Settings) -> Done:
    """Do rank 0's work on this rank's part of each batch; what is written goes to a folder that is dropped."""
    names: list[str] = ranks.agreed([])
    with TemporaryDirectory(prefix="bench-rank-") as scratch:
        own = replace(settings, results=Path(scratch), executor=INLINE, callbacks=(), quiet=True)
        store, planner = Store(own.results), Planner(own, fetch=True)
        planned = planner.plan(resolve_all(map(Cell.parse, names), own.weights), store, [])
        with Reporter(len(planned), 0, quiet=True) as reporter:
            work = GroupWork(own, planner, store, reporter)
            for group in group_cells(planned, own.fuse):
                work(group, True)
    return Done(names, 0, 0, {})


def carry_out(names: Iterable[str], settings: Settings, wait: bool = True) -> Done:
    """Run cells by their names in this process: what an executor's worker elsewhere calls.

    Args:
        wait: Wait for groups that other processes are at; else leave them alone (`Done.left`).
    """
    add_folders(settings.plugins)
    cells = resolve_all((Cell.parse(name) for name in names), settings.weights)
    return run(cells, replace(settings, executor=INLINE if wait else f"{INLINE}[wait=false]"))


def _run(cells: Iterable[Resolved], settings: Settings) -> Done:
    executor = executor_of(settings.executor)
    executor.check(settings)
    if ranks.several() and Spec.parse(settings.executor).name != INLINE:
        raise UsageError("torchrun shares each cell among its processes: leave out --executor.")
    callbacks = watchers(settings)
    store, planner = Store(settings.results), Planner(settings, fetch=True)
    lacking: Lacking = []
    planned = planner.plan(cells, store, lacking)
    to_do = [one for one in planned if one.reason]
    if to_do or lacking:
        check_writable(settings.results)
    failed = [lacking_record(*lack) for lack in lacking] + preflight(to_do, settings)
    if failed and len(failed) == len(planned) + len(lacking):
        raise DataError(failed[0].error.message if failed[0].error else "")
    for record in failed:
        store.put_failure(record)
    broken = {record.cell for record in failed}
    groups = group_cells([one for one in to_do if one.name not in broken], settings.fuse)
    with Reporter(len(to_do) - len(failed) + len(lacking), epochs(groups), settings.quiet) as reporter:
        work = GroupWork(settings, planner, store, reporter, callbacks)
        event = RunEvent(tuple(name for group in groups for name in group.names), settings.results)
        callbacks.tell(event, "on_run_begin")
        try:
            if ranks.several():
                ranks.agreed([name for group in groups for name in group.names])
                for group in groups:
                    work(group, True)
            else:
                executor.execute(groups, settings, work)
        finally:
            callbacks.tell(event, "on_run_end")
    return done(planned, lacking, store, work.left)


def watchers(settings: Settings) -> Callbacks:
    """The callbacks asked for, and lines for a log where nobody sees a progress bar.

    Raises:
        UsageError: There is none of a name, a parameter is wrong, or a library is missing.
    """
    lines = () if settings.quiet or sys.stderr.isatty() else (LINES,)
    return callbacks_of([*settings.callbacks, *lines])


def done(planned: list[Planned], lacking: Lacking, store: Store, left: Iterable[str]) -> Done:
    """What a run did, as the store tells."""
    names = [one.name for one in planned] + [resolved.name for resolved, _ in lacking]
    ran = sum(bool(one.reason) for one in planned) + len(lacking)
    failed = {name: f"{f.error.kind}: {f.error.message}" for name in names if (f := store.failure(name)) and f.error}
    return Done(names, ran, len(names) - ran, failed, tuple(left))


def epochs(groups: list[Group]) -> int:
    """Epochs of training that groups need, each shared stage counted once."""
    unique = {(group.key, job.key): job for group in groups for planned in group.cells for job in planned.jobs}
    return sum(job.epochs for job in unique.values())


def check_writable(folder: Path, what: str = "results", remedy: str = "Choose another folder with --results.") -> None:
    """Raise UsageError unless ``folder`` can be written."""
    existing = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UsageError(f"Cannot write {what} to {folder}. {remedy}")


def preflight(cells: list[Planned], settings: Settings) -> list[Record]:
    """Load each backbone and decode each data set once, so that wrong weights or a corrupt sample show at once.

    Returns:
        Failures of the cells whose method fails on its first batch, or whose samples cannot be decoded.

    Raises:
        UsageError: Weights do not fit, a method does not apply to a backbone, or selection lacks validation data.
    """
    check_planned(cells, settings)
    by_backbone: dict[str, list[Planned]] = {}
    for planned in cells:
        by_backbone.setdefault(str(planned.cell.backbone), []).append(planned)
    failed = [record for users in by_backbone.values() for record in check_methods(users)]
    broken = {record.cell for record in failed}
    for alike in same_inputs([one for one in cells if one.name not in broken]):
        failed += undecodable(alike, settings)
    return failed


def check_planned(cells: Iterable[Planned], settings: Settings) -> None:
    """Raise UsageError where the data or the inputs of a cell to be run do not suit its recipe: nothing is loaded."""
    for planned in cells:
        check_selection(planned, settings.val_only)
        check_inputs(planned)
        check_precision(planned, settings.device)


def check_selection(planned: Planned, val_only: bool) -> None:
    """Raise UsageError when a cell lacks the data it selects or reports on, or would select on a split that is shut."""
    if val_only and (not planned.prepared.counts["val"] or planned.selection == "test_best"):
        raise UsageError(f"{planned.cell.dataset} cannot run with --val-only: its protocol selects on the test split.")
    needs = planned.selection == "val_best" or planned.resolved.recipe.tries
    method = planned.resolved.method
    if not planned.prepared.counts["val"] and isinstance(method, Method) and method.needs_validation:
        name = method.plugin_name()
        raise UsageError(
            f"{name} chooses on validation data, which {planned.cell.dataset} does not have. Set what it chooses: "
            f"`{command('show', name)}`"
        )
    if not planned.prepared.counts["val"] and planned.trials and needs:
        raise UsageError(
            f"{planned.cell.dataset} has no validation split, on which epochs and rates are chosen. Use the last epoch "
            f"and one rate: {unselected(planned.resolved.recipe)}"
        )


def unselected(recipe: Recipe) -> str:
    """The overrides with which a recipe needs no validation data."""
    grids = [f"{name}=[]" for name in GRIDS if getattr(recipe, name)]
    return shlex.join(word for text in ["selection=last", *grids] for word in ("-o", text))


def check_precision(planned: Planned, device: str | None) -> None:
    """Raise UsageError when a cell asks for a precision that the device does not train in."""
    if planned.resolved.recipe.precision == "fp16" and choose_device(device).type != "cuda":
        raise UsageError(f"precision=fp16 needs CUDA, which {planned.name} would run without: take bf16 or fp32.")


def check_inputs(planned: Planned) -> None:
    """Raise UsageError when the augmentation does not fit the data, or a method for volumes meets one for images."""
    method, shape, recipe = planned.resolved.method, planned.input_shape, planned.resolved.recipe
    kept_extent(shape, recipe)
    if isinstance(method, Method):
        flips, target = planned.resolved.dataset.forbidden_flips, planned.resolved.task.target
        check_augment(recipe, shape, flips, target)
        if recipe.mixes and len(shape) == 1:
            raise UsageError("mixup and cutmix mix images and volumes, and these are features: leave them out.")
    elif method.needs_volumes and len(shape) != 4:
        name = method.plugin_name()
        raise UsageError(f"{name} measures volumes; {planned.cell.backbone.name} takes images. Leave {name} out.")


def check_methods(cells: list[Planned]) -> Iterator[Record]:
    """Build the backbone that cells share, try every method on it, and let go of it.

    Yields:
        Failures of the cells whose method fails on its first batch.
    """
    first = cells[0]
    backbone = first.resolved.backbone.load(first.cell.backbone.name, first.weights)
    for planned in cells:
        check_text(planned, backbone.reads_text)
    for method in {planned.resolved.method for planned in cells}:
        if isinstance(method, Method):
            check(backbone, method)
    alike: dict[tuple[object, ...], list[Planned]] = {}
    for planned in cells:
        resolved, classes = planned.resolved, planned.prepared.classes
        key = (str(planned.cell.method), planned.cell.dataset.name, resolved.recipe.head, classes)
        alike.setdefault(key, []).append(planned)
    for together in sorted(alike.values(), key=lambda some: some[0].resolved.task.needs_levels):
        if together[0].resolved.task.needs_levels:  # last, since they cannot be hidden again
            backbone.show_levels()
        problem = problem_of_first_call(together[0], backbone.eval())
        yield from (failed_record(planned, problem, Hardware()) for planned in together if problem is not None)


def check_text(planned: Planned, reads_text: bool) -> None:
    """Raise UsageError when a method needs text features of the class names and nothing gives them."""
    prepared = planned.prepared
    if not planned.resolved.method.needs_text or prepared.text is not None or (reads_text and prepared.class_names):
        return
    lacking = "class names are not known" if reads_text else f"{planned.cell.backbone.name} has no text encoder"
    raise UsageError(
        f"{planned.cell.method.name} needs text features of the classes of {planned.cell.dataset.name}, and {lacking}."
    )


def same_inputs(cells: list[Planned]) -> list[list[Planned]]:
    """Cells by what is decoded for them."""
    found: dict[str, list[Planned]] = {}
    for planned in cells:
        recipe = planned.resolved.recipe
        key = (planned.prepared.identity, planned.input_shape, recipe.resize, recipe.antialias)
        found.setdefault(repr(key), []).append(planned)
    return list(found.values())


def undecodable(cells: list[Planned], settings: Settings) -> list[Record]:
    """Decode the samples that cells share; their failures when one of the samples is corrupt."""
    try:
        for reader in readers(cells[0]):
            if reader is not None:
                decoded(cells[0].prepared, reader, quiet=settings.quiet)
    except DataError as error:
        return [failed_record(planned, error, Hardware()) for planned in cells]
    return []
