"""Trials of a cell: the same method with several values of a recipe's grid, chosen on validation data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.core.errors import BenchError, NonFiniteLoss
from bench.tasks.base import Metric, better
from bench.training.stages import Trained


@dataclass(frozen=True)
class Trial:
    """One learning rate of a cell's grid, with the stages that finished and what ended it, if anything did."""

    lr: float
    stages: list[Trained]
    error: BenchError | None

    @property
    def score(self) -> float:
        """Headline metric of the last stage's selected epoch on the selection split."""
        score = self.stages[-1].progress.best_score
        return float("nan") if score is None else score


def choose(trials: list[Trial], headline: Metric) -> tuple[Trial, list[dict[str, Any]]]:
    """Return the trial with the best validation score (the first of equals), and what every trial gave.

    Returns:
        The trial, and for grids of more than one: learning rate, score or error, and epochs spent; this is the budget,
        equal for every method of a suite.

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
    best = whole[0]
    for trial in whole[1:]:
        if better(headline, trial.score, best.score):
            best = trial
    return best, [_described(trial, headline) for trial in trials] if len(trials) > 1 else []


def _described(trial: Trial, headline: Metric) -> dict[str, Any]:
    epochs = sum(stage.progress.epoch for stage in trial.stages)
    if trial.error is not None:
        return {"lr": trial.lr, "error": trial.error.kind, "epochs": epochs}
    return {"lr": trial.lr, f"val_{headline.name}": trial.score, "epochs": epochs}
