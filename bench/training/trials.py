"""Trials of a cell: the same method at several learning rates, chosen on validation data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.core.errors import BenchError, NonFiniteLoss
from bench.training.stages import Trained


@dataclass(frozen=True)
class Trial:
    """One learning rate of a cell's grid, with the stages that finished and what ended it, if anything did."""

    lr: float
    stages: list[Trained]
    error: BenchError | None

    @property
    def score(self) -> float:
        """Validation accuracy of the last stage's selected epoch."""
        return self.stages[-1].progress.best_score


def choose(trials: list[Trial]) -> tuple[Trial, list[dict[str, Any]]]:
    """Return the trial with the best validation accuracy (the first of equals), and what every trial gave.

    Returns:
        The trial, and for grids of more than one: learning rate, validation accuracy or error, and epochs spent; this
        is the budget, equal for every method of a suite.

    A trial that diverged (a non-finite loss) has lost; any other failure would make the choice depend on the machine,
    so the cell fails with it.

    Raises:
        BenchError: A trial failed otherwise, or all diverged.
    """
    whole = [trial for trial in trials if trial.error is None]
    failures = [trial.error for trial in trials if trial.error is not None]
    for error in failures:
        if not whole or not isinstance(error, NonFiniteLoss):
            raise error
    best = max(whole, key=lambda trial: trial.score) if len(trials) > 1 else whole[0]
    return best, [_described(trial) for trial in trials] if len(trials) > 1 else []


def _described(trial: Trial) -> dict[str, Any]:
    epochs = sum(stage.progress.epoch for stage in trial.stages)
    if trial.error is not None:
        return {"lr": trial.lr, "error": trial.error.kind, "epochs": epochs}
    return {"lr": trial.lr, "val_accuracy": trial.score, "epochs": epochs}
