"""Cells that run together: the unit of work of every executor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.engine.plan import Planned
from bench.engine.status import CHECKPOINTS
from bench.training.job import StageJob


@dataclass(frozen=True)
class Group:
    """Cells that share one stream of inputs and, where their backbone is frozen, its forward passes.

    Attributes:
        key: Names the group's lock, so that several processes on one results folder do not do the same work twice.
    """

    key: str
    cells: tuple[Planned, ...]

    @property
    def names(self) -> list[str]:
        """Canonical names of the cells, in order."""
        return [planned.name for planned in self.cells]

    @property
    def jobs(self) -> list[StageJob]:
        """The stages that its cells need, each once."""
        return list({job.key: job for planned in self.cells for job in planned.jobs}.values())

    def folder(self, results: Path) -> Path:
        """Where its checkpoints lie in a results folder; its lock is the file beside it, with the suffix ``.lock``."""
        return results / CHECKPOINTS / hashlib.sha256(self.key.encode()).hexdigest()[:24]

    @property
    def backbone_epochs_spared(self) -> int:
        """Training epochs of the backbone that fusing and shared stages spare, against running the cells one by one."""
        stages = [job for planned in self.cells for job in planned.jobs]
        unique = {job.key: job for job in stages}.values()
        return backbone_epochs(stages, fused=False) - backbone_epochs(unique, fused=True)


def backbone_epochs(stages: Iterable[StageJob], fused: bool) -> int:
    """Passes over the training inputs with the whole backbone that stages of one group need.

    Frozen features of a finite set of inputs (no augmentation, or `views`) are kept: one pass a view, fused or not.
    """
    stages = list(stages)
    own = sum(job.epochs for job in stages if not job.shares_backbone)
    frozen = [job for job in stages if job.shares_backbone]
    if not frozen:
        return own
    finite = frozen[0].recipe.distinct_views
    epochs = [job.epochs for job in frozen]
    if finite is not None:
        return own + min(finite, max(epochs))
    return own + (max(epochs) if fused else sum(epochs))


def group_cells(cells: list[Planned], fuse: bool) -> list[Group]:
    """Collect cells that may share work; with ``fuse`` False every cell stands alone.

    Cells on a frozen backbone share when task, data set, split, backbone, preprocessing, augmentation, batch size,
    precision and data seed agree; cells that train the backbone from the start share only what is the same to the
    digit.
    """
    groups: dict[str, list[Planned]] = {}
    for planned in cells:
        if not fuse:
            key = planned.name
        elif planned.shares_backbone:
            key = f"backbone-{planned.stream_key}"
        else:
            key = f"own-{planned.jobs[0].key}"
        groups.setdefault(key, []).append(planned)
    return [Group(key, tuple(members)) for key, members in groups.items()]
