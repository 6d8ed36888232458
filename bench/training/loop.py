"""The training loop: a list of learners on one stream of batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor

from bench.backbones.features import Features
from bench.core import ranks
from bench.core.errors import DataError, NonFiniteLoss
from bench.features.feature_cache import CachedFeatures
from bench.tasks.base import Outputs
from bench.training.context import Context, parts
from bench.training.learner import Learner

Inputs = Features | Tensor
Booked = Callable[[Sequence[Learner], int], None]
NOTHING = float("nan")


@dataclass(frozen=True)
class Predicted:
    """A learner's predictions on a split, in table order.

    Attributes:
        outputs: What the task keeps of them.
        loss: The task's mean loss.
        others: Metrics that were computed on the way to the one that selects.
    """

    outputs: Outputs
    loss: float
    others: dict[str, float] = field(default_factory=dict)


def train(
    context: Context, learners: Sequence[Learner], time_limit: float | None, booked: Booked, until: int | None = None
) -> None:
    """Train learners of one stage together until each has finished or failed.

    Every learner sees what it would see alone: the stream depends on nothing but the data seed, the stage, the epoch
    and the samples, and each draws its own chance from its own seed. Learners resumed at different epochs catch up
    first. What they share (the backbone, the batches) is booked to each in equal parts.

    Args:
        context: The shared data and backbone.
        learners: All share the backbone, or there is exactly one.
        time_limit: Seconds allowed for each, or None.
        booked: Called after every epoch with the learners it trained and the samples that each saw.
        until: Stop after so many epochs, although more may follow.
    """
    shared = learners[0].job.shares_backbone
    if len(learners) > 1 and not all(learner.job.shares_backbone for learner in learners):
        raise ValueError("only learners on the shared backbone train together")
    while active := [learner for learner in learners if not learner.reached(until)]:
        epoch = min(learner.progress.epoch for learner in active)
        current = [learner for learner in active if learner.progress.epoch == epoch]
        began, booked_before = time.perf_counter(), own_seconds(current)
        train_epoch(context, current, epoch, shared)
        outcomes = validate(context, [learner for learner in current if learner.failure is None])
        common = time.perf_counter() - began - (own_seconds(current) - booked_before)
        for learner, predicted, score in outcomes:
            learner.progress.seconds += max(common, 0.0) / len(current)
            learner.progress.seconds = ranks.agreed(learner.progress.seconds)  # what time limits look at
            learner.progress.note(**{f"val_{name}": value for name, value in predicted.others.items()})
            # the frozen backbone's features are kept, so predicting again costs little; an own backbone's are not
            learner.end_epoch(predicted.loss, score, {} if shared else predicted.outputs, time_limit)
        booked([learner for learner, *_ in outcomes], len(context.prepared.rows("train")))


def own_seconds(learners: Sequence[Learner]) -> float:
    """What learners have booked as their own time, in all."""
    for learner in learners:
        learner.settle()
    return sum(learner.progress.seconds for learner in learners)


def train_epoch(context: Context, learners: list[Learner], epoch: int, shared: bool) -> None:
    """One epoch of training."""
    for learner in learners:
        learner.train_mode()
    stage = learners[0].job.index
    for cache, together in sources(context, learners, epoch, shared):
        for step, (inputs, targets, size) in enumerate(batches_of(context, stage, epoch, shared, cache)):
            for learner in together:
                with learner.clock(), learner.alone():
                    learner.step(inputs, targets, epoch, step, size)


def sources(
    context: Context, learners: list[Learner], epoch: int, shared: bool
) -> list[tuple[CachedFeatures | None, list[Learner]]]:
    """Who reads its training features from the cache (tokens and pooled, or pooled alone), and who from a live
    backbone.

    CachedFeatures and live features differ in rounding, so each learner's source depends on its own needs and the
    cache's limit, never on who trains beside it. Tokens come first: the pass that fills them fills the pooled features
    too.
    """
    if not (shared and context.finite):
        return [(None, learners)]
    found: list[tuple[CachedFeatures | None, list[Learner]]] = []
    live: list[Learner] = []
    for tokens in (True, False):
        some = [learner for learner in learners if learner.job.method.needs_tokens == tokens]
        cache = context.cached_features("train", tokens, context.view_number(epoch)) if some else None
        if cache is not None:
            found.append((cache, some))
        else:
            live += some
    return [*found, (None, live)] if live else found


def batches_of(
    context: Context, stage: int, epoch: int, shared: bool, cache: CachedFeatures | None
) -> Iterator[tuple[Inputs, Tensor, int]]:
    """This rank's part of the epoch's batches, and the samples of each whole batch: on the shared backbone features
    (kept, or from its forward pass), else inputs."""
    if cache is not None:
        for features, targets in context.cached_batches(cache, stage, epoch):
            mine = ranks.part(len(targets))
            yield features[mine] if ranks.several() else features, targets[mine], len(targets)
        return
    for inputs, targets in context.batches(stage, epoch):
        mine = ranks.part(len(targets))
        yield context.features(inputs[mine]) if shared else inputs[mine], targets[mine], len(targets)


def validate(context: Context, learners: list[Learner]) -> list[tuple[Learner, Predicted, float]]:
    """Each learner's predictions on its selection split, and the metric that selects; NaN where there is none.

    Learners of one backbone may select on different splits: one cell's protocol selects on the test split, another's
    does not. A learner that fails on the way is left out.
    """
    splits = [selection_split(context, learner) for learner in learners]
    found: list[tuple[Learner, Predicted, float]] = []
    for split in dict.fromkeys(splits):
        chosen = [learner for learner, own in zip(learners, splits, strict=True) if own == split]
        found += _validate_on(context, chosen, split)
    return found


def _validate_on(
    context: Context, learners: list[Learner], split: str | None
) -> list[tuple[Learner, Predicted, float]]:
    if split is None:
        return [(learner, Predicted({}, NOTHING, _others(learner, {})), NOTHING) for learner in learners]
    targets = context.targets(context.prepared.rows(split)).cpu().numpy()
    found = []
    for learner, predicted in zip(learners, predict(context, learners, split), strict=True):
        with learner.alone():
            found.append((learner, *judged(learner, targets, predicted)))
    return found


def judged(learner: Learner, targets: np.ndarray, predicted: Predicted) -> tuple[Predicted, float]:
    """The metric that selects; NaN for a learner that has diverged, which its training loss will show."""
    try:
        if learner.selects == learner.task.headline:
            return predicted, learner.task.score(targets, predicted.outputs)
        values = learner.task.evaluate(targets, predicted.outputs)
    except NonFiniteLoss:
        values = {}
    return replace(predicted, others=_others(learner, values)), values.get(learner.selects.name, NOTHING)


def _others(learner: Learner, values: dict[str, float]) -> dict[str, float]:
    """The headline's value, whose curve charts draw, where another metric selects."""
    headline = learner.task.headline.name
    return {} if learner.selects.name == headline else {headline: values.get(headline, NOTHING)}


def selection_split(context: Context, learner: Learner) -> str | None:
    """Where a learner's epochs are compared.

    Raises:
        DataError: It selects on validation data that the protocol does not have.
    """
    if learner.job.selection == "test_best":
        return "test"
    if len(context.prepared.rows("val")):
        return "val"
    if learner.job.selection == "val_best":
        raise DataError("The protocol has no validation data: use a recipe with selection=last.")
    return None


@torch.no_grad()
def predict(context: Context, learners: list[Learner], split: str) -> list[Predicted]:
    """What each learner predicts on a split, in fixed batches, in evaluation mode; nothing of one that fails."""
    if not learners:
        return []
    tokens = any(learner.job.method.needs_tokens for learner in learners)
    rows = context.prepared.rows(split)
    chunks = list(parts(len(rows)))[ranks.rank() :: ranks.size()]  # the same batches as one process has
    sums = [_Predictions(learner) for learner in learners]
    with ExitStack() as evaluation:
        for learner in learners:
            evaluation.enter_context(learner.evaluating())
        given = inputs_of_split(context, split, learners[0].job.shares_backbone, tokens, chunks)
        for chunk, inputs in zip(chunks, given, strict=True):
            targets = context.targets(rows[chunk])
            for one in sums:
                with one.learner.clock(), one.learner.alone():
                    one.add(inputs, targets)
    return [one.predicted(len(rows)) for one in sums]


class _Predictions:
    """One learner's predictions, batch by batch."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.kept = learner, list[dict[str, Tensor]]()
        self.losses: list[tuple[Tensor, int]] = []  # summed on the host: not every device has double precision
        self.batches: list[tuple[int, int]] = []  # where each batch begins and ends in these lists

    def add(self, inputs: Inputs, targets: Tensor) -> None:
        """Predict a batch, unless the learner has failed."""
        task, count, begin = self.learner.task, len(targets), len(self.kept)
        for part in parts(count, at_once(self.learner, count)) if self.learner.failure is None else ():
            outputs, wanted = self.learner.forward(inputs[part]), targets[part]
            self.losses.append((task.loss(outputs, wanted, self.learner.job.recipe), len(wanted)))
            self.kept.append(task.kept(outputs, wanted))
        self.batches.append((begin, len(self.kept)))

    def predicted(self, samples: int) -> Predicted:
        """All of them."""
        if self.learner.failure is not None:
            return Predicted({}, NOTHING)
        kept, losses = self._of_all_ranks()
        loss = 0.0
        for mean, count in losses:  # one by one: what sum() gives depends on Python's version
            loss += float(mean) * count
        return Predicted(stacked(kept), loss / max(samples, 1))

    def _of_all_ranks(self) -> tuple[list[dict[str, Tensor]], list[tuple[Tensor, int]]]:
        """What is kept, and the losses, in table order: ranks had batches by turns."""
        if not ranks.several():
            return self.kept, self.losses
        on_host = [{name: tensor.cpu() for name, tensor in one.items()} for one in self.kept]
        pieces = list(zip(on_host, [(mean.cpu(), count) for mean, count in self.losses], strict=True))
        turns = zip_longest(*ranks.gathered([pieces[begin:end] for begin, end in self.batches]))
        found = [piece for turn in turns for batch in turn if batch is not None for piece in batch]
        return [kept for kept, _ in found], [loss for _, loss in found]


def at_once(learner: Learner, count: int) -> int:
    """Samples of an evaluation batch that are judged together: as many as the task allows, in as many parts as the
    learner's training batches for lack of memory."""
    size = -(-count // learner.progress.micro_batches)
    return min(size, learner.task.at_once or size)


def stacked(batches: list[dict[str, Tensor]]) -> Outputs:
    """What a task keeps of batches, joined, on the host."""
    return {name: torch.cat([batch[name] for batch in batches]).cpu().numpy() for name in batches[0]}


def inputs_of_split(
    context: Context, split: str, shared: bool, tokens: bool, chunks: Sequence[slice] | None = None
) -> Iterator[Inputs]:
    """The evaluation batches of a split, in table order: all, or those that ``chunks`` of `parts` name."""
    rows = context.prepared.rows(split)
    chosen = list(parts(len(rows))) if chunks is None else chunks
    cache = context.cached_features(split, tokens) if shared else None
    if cache is not None:
        for part in chosen:
            yield cache.batch(part, context.device)
        return
    for inputs in context.prefetched(rows, chosen):
        yield context.features(inputs) if shared else inputs
