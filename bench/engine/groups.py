"""Cells that run together: the unit of work of every executor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.cells.cell import Cell
from bench.engine.plan import Task
from bench.training.job import StageJob


@dataclass(frozen=True)
class Group:
    """Cells that share one stream of images and, where their trunk is frozen, its forward passes.

    Attributes:
        key: Names the group's lock, so that several processes on one results folder do not do the same work twice.
    """

    key: str
    tasks: tuple[Task, ...]

    @property
    def cells(self) -> list[Cell]:
        """The cells, in order."""
        return [task.cell for task in self.tasks]

    @property
    def trunk_epochs_spared(self) -> int:
        """Training epochs of the trunk that fusing and shared stages spare, against running the cells one by one."""
        stages = [job for task in self.tasks for job in task.jobs]
        unique = {job.key: job for job in stages}.values()
        return trunk_epochs(stages, fused=False) - trunk_epochs(unique, fused=True)


def trunk_epochs(stages: Iterable[StageJob], fused: bool) -> int:
    """Passes over the training images with the whole trunk that stages of one group need.

    Frozen features of a finite set of images (no augmentation, or `views`) are kept: one pass a view, fused or not.
    """
    own = sum(job.recipe.epochs for job in stages if not job.shares_trunk)
    frozen = [job.recipe for job in stages if job.shares_trunk]
    if not frozen:
        return own
    finite = 1 if frozen[0].augment is None else frozen[0].views
    epochs = [recipe.epochs for recipe in frozen]
    if finite is not None:
        return own + min(finite, max(epochs))
    return own + (max(epochs) if fused else sum(epochs))


def group_tasks(tasks: list[Task], fuse: bool) -> list[Group]:
    """Collect cells that may share work; with ``fuse`` False every cell stands alone.

    Cells on a frozen trunk share when dataset, split, backbone, preprocessing, augmentation, batch size, precision and
    data seed agree; cells that train the trunk from the start share only what is the same to the digit.
    """
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        if not fuse:
            key = str(task.cell)
        elif task.shares_trunk:
            key = f"trunk-{task.stream_key}"
        else:
            key = f"own-{task.jobs[0].key}"
        groups.setdefault(key, []).append(task)
    return [Group(key, tuple(members)) for key, members in groups.items()]
