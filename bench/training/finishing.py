"""What a method does with the selected state of a stage that is through: `Method.finish`."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.core.errors import DataError
from bench.methods.base import Method
from bench.methods.hooks import Memory, Selected, State
from bench.training.context import Context
from bench.training.learner import Learner
from bench.training.loop import judged, predict

VAL = "val"  # the only split that `Method.finish` may ask for


def finish(context: Context, learner: Learner, start: Callable[[], State]) -> None:
    """Let the method change the learner's selected state; what it tells goes to `Progress.finished`.

    Where the protocol selects on validation data, the score of the changed state takes the place of the old one.

    Args:
        start: Gives the tensors of `Learner.state` as the stage began.
    """
    method, progress = learner.job.method, learner.progress
    if type(method).finish is Method.finish or progress.finished is not None or learner.failure is not None:
        return

    def score() -> float:
        return _score(context, learner)

    learner.settle()
    began, before = time.perf_counter(), progress.seconds
    with learner.alone():
        learner.load(learner.best)
        learner.memory = Memory()  # what was evaluated in training's place is in the selected state
        selected = Selected(
            learner.model, learner.job.stage, learner.job.recipe, learner.best, start(), score, learner.selects
        )
        told = method.finish(selected)
        if learner.job.selection != "test_best" and len(context.prepared.rows(VAL)):
            progress.best_score = score()
        learner.best, learner.best_outputs = learner.state(), {}
        progress.finished = told
    learner.settle()
    progress.seconds = before + time.perf_counter() - began


def _score(context: Context, learner: Learner) -> float:
    """The metric that selects, on the validation split."""
    rows = context.prepared.rows(VAL)
    if not len(rows):
        name = learner.job.method.plugin_name()
        raise DataError(f"{name} chooses on validation data, which the protocol does not have. Set what it chooses.")
    (predicted,) = predict(context, [learner], VAL)
    if learner.failure is not None:
        raise learner.failure
    return judged(learner, context.targets(rows).cpu().numpy(), predicted)[1]
