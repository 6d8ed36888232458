"""Lines for a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta

from bench.callbacks.base import Callback, CellEvent, EpochEvent, Training


class Print(Callback):
    """One line an epoch on standard error: epoch, training loss, the metric that selects, its best, time left."""

    def on_epoch_end(self, event: EpochEvent) -> None:
        print(line(event), file=sys.stderr, flush=True)

    def on_cell_end(self, event: CellEvent) -> None:
        print(f"done: {event.cell}" if not event.problem else f"failed: {event.cell}", file=sys.stderr, flush=True)


def line(event: EpochEvent) -> str:
    """An epoch in words; of several cells, the range of each number."""
    first = event.trainings[0]
    best = [training.best for training in event.trainings if training.best is not None]
    left = timedelta(seconds=round(event.seconds_left))
    parts = [
        f"epoch {first.epoch}/{first.epochs}",
        f"train loss {_range(training.curves['train_loss'][-1] for training in event.trainings)}",
        f"{first.metric} {_range(training.score for training in event.trainings)}",
        *([f"best {_range(best)}"] if best else []),
        f"left {left}",
        _who(event.trainings),
    ]
    return "  ".join(parts)


def _range(numbers: Iterable[float]) -> str:
    texts = dict.fromkeys(f"{number:.4g}" for number in sorted(numbers))
    return " to ".join(dict.fromkeys([next(iter(texts)), next(reversed(texts))]))


def _who(trainings: tuple[Training, ...]) -> str:
    if len(trainings) > 1:
        cells = {training.cell for training in trainings}
        return (
            f"{len(trainings)} trainings of {len(cells)} cells"
            if len(cells) < len(trainings)
            else f"{len(cells)} cells"
        )
    return " ".join(part for part in (trainings[0].cell, trainings[0].trial, trainings[0].stage) if part)
