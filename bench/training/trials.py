"""Trials of a cell: the same method with several points of a recipe's grid, chosen on validation data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.cells.search import Point
from bench.core.errors import BenchError, DataError, NonFiniteLoss
from bench.tasks.base import Metric, better
from bench.training.progress import Progress
from bench.training.stages import Trained


@dataclass(frozen=True)
class Trial:
    """One point of a cell's grid, with the stages that finished and what ended it, if anything did.

    Attributes:
        point: The fields in which it differs from other trials.
        stopped: The trial was among the worse half and did not go on.
    """

    point: Point
    stages: list[Trained]
    error: BenchError | None
    stopped: bool = False

    @property
    def score(self) -> float:
        """The selecting metric of the last stage's selected epoch on the selection split."""
        score = self.stages[-1].progress.best_score
        return float("nan") if score is None else score


@dataclass(frozen=True)
class Tuning:
    """What choosing among trials has cost and found.

    Attributes:
        trials: What each gave, for the record; empty where there was only one.
        edges: Chosen numbers that are the lowest or highest tried, in words: a better one may lie beyond.
        number: Trials.
        offered: Epochs that all trials would have taken.
        spent: Epochs trained; a stage that several trials share counts once.
    """

    trials: list[dict[str, Any]]
    edges: list[str]
    number: int
    offered: int
    spent: int


def halving(
    number: int, train: Callable[[int, int | None], Trial], epochs: int, parts: Sequence[float], selecting: Metric
) -> list[Trial]:
    """Train trials; after each part of the last stage only the better half, rounded up, goes on.

    This is successive halving (Jamieson and Talwalkar, AISTATS 2016, algorithm 1) at fixed parts of the epochs. What
    decides is the best validation score so far, read from the curves, so that an interrupted run decides alike.

    Args:
        number: Of trials.
        train: Trains a trial up to an epoch of its last stage (None: to its end), from where it stands.
        epochs: Of the last stage.
        parts: Where to compare, in 0..1 of those epochs; empty: every trial runs to its end.
    """
    found: dict[int, Trial] = {}
    going = list(range(number))
    for until in [*rungs(epochs, parts), None]:
        found.update({one: train(one, until) for one in going})
        if until is not None:
            going = better_half([one for one in going if found[one].error is None], found, until, selecting)
    return [_final(trial, one in going) for one, trial in sorted(found.items())]


def rungs(epochs: int, parts: Iterable[float]) -> list[int]:
    """Epochs after which trials are compared, ascending, each once, before the last."""
    return sorted({math.ceil(part * epochs) for part in parts} - {epochs})


def better_half(going: list[int], found: dict[int, Trial], epoch: int, selecting: Metric) -> list[int]:
    """The trials that go on, in order; of equals the first."""
    sign = -1 if selecting.higher_is_better else 1
    scores = {one: score_after(found[one].stages[-1].progress, epoch, selecting) for one in going}
    order = sorted(going, key=lambda one: math.inf if math.isnan(scores[one]) else sign * scores[one])
    return sorted(order[: math.ceil(len(order) / 2)])


def score_after(progress: Progress, epoch: int, selecting: Metric) -> float:
    """The best of the first epochs' selecting metric on validation data; NaN where none is a number."""
    curve = [score for score in progress.curves[f"val_{selecting.name}"][:epoch] if not math.isnan(score)]
    return (max if selecting.higher_is_better else min)(curve, default=float("nan"))


def _final(trial: Trial, went_on: bool) -> Trial:
    if went_on or trial.error is not None:
        return trial
    return replace(trial, stopped=True)


def choose(trials: list[Trial], selecting: Metric) -> tuple[Trial, Tuning]:
    """Return the trial with the best validation score (the first of equals), and what the search took.

    A trial that diverged (a non-finite loss) has lost, and so has one whose score is not a number. Any other failure
    would make the choice depend on the machine, so the cell fails with it.

    Raises:
        DataError: No trial's score is a number, so that nothing chooses.
        BenchError: A trial failed otherwise, or all diverged.
    """
    whole = [trial for trial in trials if trial.error is None and not trial.stopped]
    failures = [trial.error for trial in trials if trial.error is not None]
    for error in failures:
        if not whole or not isinstance(error, NonFiniteLoss):
            raise error
    best = whole[0]
    for trial in whole[1:]:
        if better(selecting, trial.score, best.score):
            best = trial
    if len(whole) > 1 and math.isnan(best.score):
        raise DataError(
            f"No trial can be chosen: {selecting.name} is undefined on the validation split for all {len(whole)}. "
            "Select by another metric (-o select=NAME), or give more validation samples."
        )
    return best, _tuning(trials, best, selecting)


def _tuning(trials: list[Trial], best: Trial, selecting: Metric) -> Tuning:
    described = [_described(trial, selecting) for trial in trials] if len(trials) > 1 else []
    unique = {stage.job.key: stage for trial in trials for stage in trial.stages}
    offered = sum(stage.job.epochs for stage in best.stages) * len(trials)
    spent = sum(stage.progress.epoch for stage in unique.values())
    return Tuning(described, edges(trials, best), len(trials), offered, spent)


def edges(trials: list[Trial], best: Trial) -> list[str]:
    """The chosen numbers that lie at an end of what was tried, unless one between scored as well."""
    equal = [trial for trial in trials if trial.error is None and not trial.stopped and trial.score == best.score]
    numbers = [name for name, value in best.point.items() if type(value) in (int, float)]
    return [text for name in numbers if (text := _edge(name, trials, best, equal))]


def _edge(name: str, trials: list[Trial], best: Trial, equal: list[Trial]) -> str:
    tried = sorted({trial.point[name] for trial in trials})
    if len(tried) < 2 or any(tried[0] < trial.point[name] < tried[-1] for trial in equal):
        return ""
    end = "lowest" if best.point[name] == tried[0] else "highest"
    return f"{name}={best.point[name]:g} is the {end} of {len(tried)} tried"


def _described(trial: Trial, selecting: Metric) -> dict[str, Any]:
    epochs = sum(stage.progress.epoch for stage in trial.stages)
    if trial.error is not None:
        return {**trial.point, "error": trial.error.kind, "epochs": epochs}
    stopped = {"stopped": True} if trial.stopped else {}
    return {**trial.point, f"val_{selecting.name}": trial.score, "epochs": epochs, **stopped}
