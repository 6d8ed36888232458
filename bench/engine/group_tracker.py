"""What the engine lets an executor do with a group: carry it out here, or follow what becomes of it elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.callbacks.base import Callbacks
from bench.core.environment import choose_device
from bench.core.errors import WorkerLost
from bench.core.locks import held
from bench.core.progress import Reporter
from bench.engine.group_run import GroupRun
from bench.engine.groups import Group
from bench.engine.plan import Planned, Planner, still_open
from bench.engine.record_builder import failed_record
from bench.engine.settings import Settings
from bench.engine.status import CHECKPOINTS
from bench.engine.watching import Watch
from bench.executors.base import Standing
from bench.records import Hardware, Store
from bench.training.checkpoint import epochs_kept


@dataclass
class GroupWork:
    """Implements `bench.executors.base.Work`.

    Attributes:
        left: Cells that another process was at when they were last tried here.
        shown: Group's key -> epochs that the progress bar shows of it.
        closed: Cells that the progress bar shows as ended.
    """

    settings: Settings
    planner: Planner
    store: Store
    reporter: Reporter
    callbacks: Callbacks = field(default_factory=Callbacks)
    left: set[str] = field(default_factory=set)
    shown: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def __call__(self, group: Group, wait: bool) -> bool:
        device = choose_device(self.settings.device)
        done = GroupRun(
            group, self.settings, self.planner, self.store, device, Watch(self.reporter, self.callbacks)
        ).run(wait)
        (self.left.difference_update if done else self.left.update)(group.names)
        return done

    def look(self, group: Group, failed: Iterable[str] = ()) -> Standing:
        for planned in group.cells:
            if planned.name not in self.closed and (planned.name in failed or not self._open(planned)):
                self._close(planned)
        still = tuple(name for name in group.names if name not in self.closed)
        total = sum(job.epochs for job in group.jobs)
        epochs = epochs_trained(group, self.store.folder) if still else total
        self._show(group, max(epochs, self.shown.get(group.key, 0)))
        return Standing(still, self.shown[group.key] + len(group.cells) - len(still))

    def begun(self, groups: Sequence[Group]) -> list[Group]:
        checkpoints = self.store.folder / CHECKPOINTS
        there = set(os.listdir(checkpoints)) if checkpoints.is_dir() else set()
        return [group for group in groups if group.folder(self.store.folder).name in there]

    def busy(self, group: Group) -> bool:
        with held(group.folder(self.store.folder).with_suffix(".lock"), wait=False) as free:
            return not free

    def lost(self, group: Group, why: str) -> None:
        still = [planned for planned in group.cells if planned.name not in self.closed]
        for planned in still:
            self.store.put_failure(failed_record(planned, WorkerLost(why), Hardware()))
        self.look(group, [planned.name for planned in still])

    def say(self, what: str) -> None:
        self.reporter.working(what)

    def _open(self, planned: Planned) -> bool:
        return still_open(planned, self.store, self.settings)

    def _close(self, planned: Planned) -> None:
        self.closed.add(planned.name)
        failure = self.store.failure(planned.name)
        error = failure.error if failure else None
        self.reporter.cell(planned.name, f"{error.kind}: {error.message}" if error else "")

    def _show(self, group: Group, epochs: int) -> None:
        new = epochs - self.shown.get(group.key, 0)
        self.shown[group.key] = epochs
        if new:
            self.reporter.epoch(new * group.cells[0].prepared.counts["train"], new)


def epochs_trained(group: Group, results: Path) -> int:
    """Epochs of the group's stages that checkpoints in a results folder hold."""
    return sum(epochs_kept(group.folder(results) / job.key) for job in group.jobs)
