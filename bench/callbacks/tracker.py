"""What trackers have in common: a run for each cell, written to one of mmengine's backends."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import PrivateAttr

from bench.callbacks.base import Callback, CellEvent, EpochEvent, RunEvent, Training
from bench.plugins.contract import must_define

_UNSAFE = re.compile(r"[^\w.\-]+")  # what a part of a tag may not hold: MLflow is the strictest


@dataclass
class _Cell:
    """A cell that has begun.

    Attributes:
        latest: (trial, stage) -> what it last was.
        written: (trial, stage) -> how many of its epochs are written.
        backend: None before the first value.
    """

    event: CellEvent
    latest: dict[tuple[str, str], Training] = field(default_factory=dict)
    written: dict[tuple[str, str], int] = field(default_factory=dict)
    backend: Any = None


class Tracker(Callback):
    """Base of callbacks that write to a tracker: facts, a value per epoch of each curve, and what was selected.

    The step is the epoch, counted over a cell's stages; curves of a cell with several trials are named
    ``lr_0.001/train_loss``. Values that are not finite are left out. A resumed cell is written from its first epoch on.
    """

    one_at_a_time: ClassVar[bool] = False  # cells that train together are then each written when they end
    step_name: ClassVar[str] = ""  # of the step among the values, where the backend takes no step

    _cells: dict[str, _Cell] = PrivateAttr(default_factory=dict)

    @must_define
    def open(self, event: CellEvent) -> Any:
        """A cell's own `mmengine.visualization.BaseVisBackend`."""
        raise NotImplementedError

    def close(self, backend: Any) -> None:
        """End what `open` began."""
        backend.close()

    def on_cell_begin(self, event: CellEvent) -> None:
        self._cells[event.cell] = _Cell(event)

    def on_epoch_end(self, event: EpochEvent) -> None:
        for training in event.trainings:
            self._cells[training.cell].latest[training.trial, training.stage] = training
        if not self.one_at_a_time or len(self._cells) == 1:
            for cell in dict.fromkeys(training.cell for training in event.trainings):
                self._write(self._cells[cell])

    def on_cell_end(self, event: CellEvent) -> None:
        cell = self._cells.pop(event.cell)
        cell.latest |= {(training.trial, training.stage): training for training in event.trainings}
        self._write(cell)
        selected = finite({f"selected/{tag(name)}": value for name, value in event.metrics.items()})
        if selected:
            cell.backend.add_scalars(selected)
        self.close(cell.backend)

    def on_run_end(self, event: RunEvent) -> None:
        """Close what an interrupted run has left open."""
        for cell in self._cells.values():
            if cell.backend is not None:
                self.close(cell.backend)
        self._cells.clear()

    def _write(self, cell: _Cell) -> None:
        """Write what is new of a cell."""
        if cell.backend is None:
            cell.backend = self.open(cell.event)
        for key, training in cell.latest.items():
            for step, values in rows(training, cell.written.get(key, 0)):
                counted = {self.step_name: float(step)} if self.step_name else {}
                cell.backend.add_scalars({**values, **counted}, step)
            cell.written[key] = training.epoch


def rows(training: Training, begin: int) -> Iterator[tuple[int, dict[str, float]]]:
    """(step, values by tag) of a training's epochs from a number on."""
    prefix = f"{tag(training.trial)}/" if training.trial else ""
    for epoch in range(begin, training.epoch):
        values = finite({f"{prefix}{tag(name)}": curve[epoch] for name, curve in training.curves.items()})
        if values:
            yield training.before + epoch + 1, values


def finite(values: dict[str, float]) -> dict[str, float]:
    """Those that are finite."""
    return {name: value for name, value in values.items() if math.isfinite(value)}


def tag(text: str) -> str:
    """A text as trackers take it in a tag."""
    return _UNSAFE.sub("_", text)
