"""The training loop: a list of learners on one stream of batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.backbones import Features
from bench.errors import DataError
from bench.training.context import Context, parts
from bench.training.learner import Learner

Inputs = Features | Tensor
Booked = Callable[[Learner, int], None]


def train(context: Context, learners: Sequence[Learner], time_limit: float | None, booked: Booked) -> None:
    """Train learners of one stage together until each has finished or failed.

    Every learner sees what it would see alone: the stream depends on nothing but the data seed, the stage, the epoch
    and the step, and each draws its own chance from its own seed. Learners resumed at different epochs catch up first.

    Args:
        context: The shared data and trunk.
        learners: All share the trunk, or there is exactly one.
        time_limit: Seconds allowed for each, or None.
        booked: Called with each learner and the images it saw, after every epoch of it.
    """
    shared = learners[0].job.shares_trunk
    if len(learners) > 1 and not all(learner.job.shares_trunk for learner in learners):
        raise ValueError("only learners on the shared trunk train together")
    while active := [learner for learner in learners if not learner.finished]:
        epoch = min(learner.progress.epoch for learner in active)
        current = [learner for learner in active if learner.progress.epoch == epoch]
        shared_seconds = train_epoch(context, current, epoch, shared)
        for learner, (loss, score) in zip(current, validate(context, current), strict=True):
            learner.progress.seconds += shared_seconds
            learner.end_epoch(loss, score, time_limit)
            booked(learner, len(context.prepared.rows("train")))


def train_epoch(context: Context, learners: list[Learner], epoch: int, shared: bool) -> float:
    """One epoch; returns the seconds spent on what all learners share."""
    for learner in learners:
        learner.train_mode()
    tokens = any(learner.job.method.needs_tokens for learner in learners)
    began, own = time.perf_counter(), sum(learner.progress.seconds for learner in learners)
    for step, rows, inputs in inputs_of_epoch(context, learners[0].job.index, epoch, shared, tokens):
        labels = context.labels[torch.from_numpy(rows).to(context.device)]
        for learner in learners:
            learner.step(inputs, labels, epoch, step)
    own = sum(learner.progress.seconds for learner in learners) - own
    return time.perf_counter() - began - own


def inputs_of_epoch(
    context: Context, stage: int, epoch: int, shared: bool, tokens: bool
) -> Iterator[tuple[int, np.ndarray, Inputs]]:
    """Yield (step, table rows, inputs): features for learners on the shared trunk, else images.

    Where the training images are a finite set, the frozen features come from the bank, for one learner as for many.
    """
    bank = context.banked("train", tokens, context.view_number(epoch)) if shared and context.finite else None
    if bank is None:
        for step, rows, images in context.batches(stage, epoch):
            yield step, rows, context.features(images) if shared else images
        return
    order, all_rows = context.order(stage, epoch), context.prepared.rows("train")
    for step, part in enumerate(parts(len(order), context.recipe.batch_size)):
        yield step, all_rows[order[part]], bank.batch(order[part], context.device)


def validate(context: Context, learners: list[Learner]) -> list[tuple[float, float]]:
    """Mean cross-entropy and accuracy of each learner on its selection split; NaN where it has none."""
    split = selection_split(context, learners[0])
    if split is None:
        return [(float("nan"), float("nan"))] * len(learners)
    labels = context.labels[torch.from_numpy(context.prepared.rows(split))].cpu()
    return [
        (float(cross_entropy(logits, labels)), float(accuracy_score(labels, logits.argmax(1))))
        for logits in map(torch.from_numpy, predict(context, learners, split))
    ]


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
def predict(context: Context, learners: list[Learner], split: str) -> list[np.ndarray]:
    """Logits (n, C) float32 of each learner on a split, in table order and fixed batches, in evaluation mode."""
    for learner in learners:
        learner.eval_mode()
    tokens = any(learner.job.method.needs_tokens for learner in learners)
    found: list[list[Tensor]] = [[] for _ in learners]
    for inputs in inputs_of_split(context, split, learners[0].job.shares_trunk, tokens):
        for kept, learner in zip(found, learners, strict=True):
            kept.append(learner.forward(inputs))
    return [torch.cat(kept).cpu().numpy() for kept in found]


def inputs_of_split(context: Context, split: str, shared: bool, tokens: bool) -> Iterator[Inputs]:
    """The evaluation batches of a split, in table order."""
    rows = context.prepared.rows(split)
    bank = context.banked(split, tokens) if shared else None
    for part in parts(len(rows)):
        if bank is not None:
            yield bank.batch(part, context.device)
        else:
            images = context.images_of(rows[part])
            yield context.features(images) if shared else images
