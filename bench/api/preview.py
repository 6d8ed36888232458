"""What a run would do, without doing it: which cells, why, and what sharing spares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.core.errors import DataError
from bench.core.sizes import amount
from bench.core.text import columns, counted, duration, preformatted
from bench.engine.settings import Settings
from bench.records import Store

if TYPE_CHECKING:
    import torch

    from bench.engine.estimate import Cost
    from bench.engine.groups import Group
    from bench.grid.resolve import Resolved


@dataclass(frozen=True)
class Shared:
    """Cells that would train together.

    Attributes:
        spared: Epochs of the backbone that sharing spares.
        cost: Of all of them together.
        at_most: Epochs, where patience may stop one early; else 0.
    """

    cells: tuple[str, ...]
    spared: int
    cost: Cost
    at_most: int = 0

    def __str__(self) -> str:
        about = f"{counted(len(self.cells), 'cell')}, about {duration(self.cost.seconds)}"
        if self.spared:
            alone = duration(self.cost.seconds_alone)
            about += f" ({alone} one by one: sharing spares {self.spared} epochs of the backbone)"
        if self.at_most:
            about += f", at most {self.at_most} epochs"
        return f"{about}, disk {amount(self.cost.disk)}, memory {amount(self.cost.memory)}"


@dataclass(frozen=True)
class Preview:
    """A plan, which ``print`` shows as text.

    Attributes:
        cells: Canonical name -> why it would run; empty: it is up to date.
        lacking: Canonical name -> why it would fail.
        groups: Those that would run, as they would.
    """

    cells: dict[str, str]
    lacking: dict[str, DataError]
    groups: list[Shared]

    def plain(self) -> dict[str, list[dict[str, Any]]]:
        """As plain data, for JSON."""
        cells = self.cells | {name: f"{error.kind}: {error}" for name, error in self.lacking.items()}
        return {
            "cells": [{"cell": name, "reason": reason} for name, reason in cells.items()],
            "groups": [
                {"cells": group.cells, "backbone_epochs_spared": group.spared, **asdict(group.cost)}
                for group in self.groups
            ],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def _lines(self) -> Iterator[str]:
        yield columns([reason or "up to date", name] for name, reason in self.cells.items())
        yield from (f"would fail: {name}: {error}" for name, error in self.lacking.items())
        for number, group in enumerate(self.groups, 1):
            yield f"group {number}: {group}"
            if len(self.groups) > 1:
                yield from (f"    {cell}" for cell in group.cells)
        if len(self.groups) > 1:
            yield self._total()
        yield f"{sum(map(bool, self.cells.values()))} of {counted(len(self.cells), 'cell')} would run."

    def _total(self) -> str:
        """How long all groups take one after the other, and which takes most of it."""
        longest = max(self.groups, key=lambda group: group.cost.seconds)
        share = f"of which {duration(longest.cost.seconds)} {longest.cells[0]}"
        more = f" and {counted(len(longest.cells) - 1, 'cell')} beside it" if len(longest.cells) > 1 else ""
        return f"In all about {duration(sum(group.cost.seconds for group in self.groups))}, {share}{more}."


def preview(cells: Iterable[Resolved], settings: Settings) -> Preview:
    """Plan cells and run none.

    Raises:
        UsageError, DataError: The run would refuse the cells.
    """
    from bench.core.environment import choose_device
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
    return Preview(
        {one.name: one.reason or "" for one in planned},
        {resolved.name: error for resolved, error in lacking},
        [_shared(group, device) for group in groups],
    )


def _shared(group: Group, device: torch.device) -> Shared:
    from bench.engine.estimate import estimate

    at_most = sum(job.epochs for job in group.jobs) if any(job.recipe.patience for job in group.jobs) else 0
    return Shared(tuple(group.names), group.backbone_epochs_spared, estimate(group, device), at_most)
