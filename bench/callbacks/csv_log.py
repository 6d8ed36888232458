"""Training curves as CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pydantic import Field, PrivateAttr

from bench.callbacks.base import Callback, CellEvent, EpochEvent, Training
from bench.core.atomic import write_text
from bench.records.files import place


class CsvLog(Callback):
    """One CSV file for each cell, a line an epoch, written anew after every epoch."""

    folder: Path = Field(Path("csv_log"), description="where the files lie, by the cells' names")

    _cells: dict[str, dict[tuple[str, str], Training]] = PrivateAttr(default_factory=dict)

    def on_epoch_end(self, event: EpochEvent) -> None:
        self._write(event.trainings)

    def on_cell_end(self, event: CellEvent) -> None:
        self._write(event.trainings)
        self._cells.pop(event.cell, None)

    def _write(self, trainings: tuple[Training, ...]) -> None:
        for training in trainings:
            self._cells.setdefault(training.cell, {})[training.trial, training.stage] = training
        for cell in dict.fromkeys(training.cell for training in trainings):
            write_text(self.folder / f"{place(cell)}.csv", _table(list(self._cells[cell].values())))


def _table(trainings: list[Training]) -> str:
    names = list(dict.fromkeys(name for training in trainings for name in training.curves))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "stage", "epoch", *names])
    for training in trainings:
        for epoch in range(training.epoch):
            values = [training.curves[name][epoch] if name in training.curves else "" for name in names]
            writer.writerow([training.trial, training.stage, epoch + 1, *values])
    return text.getvalue()
