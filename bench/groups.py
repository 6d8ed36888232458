"""Cells that run together: the unit of work of every executor."""

from __future__ import annotations

from dataclasses import dataclass

from bench.plan import Task


@dataclass(frozen=True)
class Group:
    """Cells that share one stream of images and, where their trunk is frozen, its forward passes.

    Attributes:
        key: Names the group's lock, so that several processes on one results folder do not do the same work twice.
    """

    key: str
    tasks: tuple[Task, ...]

    @property
    def trunk_passes_saved(self) -> int:
        """Training epochs of the trunk that fusing and shared first stages spare."""
        stages = [job for task in self.tasks for job in task.jobs]
        alone = sum(job.recipe.epochs for job in stages)
        unique = {job.key: job for job in stages}.values()
        shared = [job.recipe.epochs for job in unique if job.shares_trunk]
        together = max(shared, default=0) + sum(job.recipe.epochs for job in unique if not job.shares_trunk)
        return alone - together


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
