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
from bench.core.errors import DataError
from bench.features.bank import Banked
from bench.training.context import Context, parts
from bench.training.learner import Learner
from bench.training.prefetch import ahead

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
        began, booked_before = time.perf_counter(), own_seconds(current)
        train_epoch(context, current, epoch, shared)
        outcomes = validate(context, current)
        common = time.perf_counter() - began - (own_seconds(current) - booked_before)
        for learner, (loss, score) in zip(current, outcomes, strict=True):
            learner.progress.seconds += common
            learner.end_epoch(loss, score, time_limit)
            booked(learner, len(context.prepared.rows("train")))


def own_seconds(learners: Sequence[Learner]) -> float:
    """What learners have booked as their own time, in all."""
    return sum(learner.progress.seconds for learner in learners)


def train_epoch(context: Context, learners: list[Learner], epoch: int, shared: bool) -> None:
    """One epoch of training."""
    for learner in learners:
        learner.train_mode()
    stage, size = learners[0].job.index, context.recipe.batch_size
    labels = context.epoch_labels(stage, epoch)
    for bank, together in sources(context, learners, epoch, shared):
        for step, inputs in enumerate(inputs_of_epoch(context, stage, epoch, shared, bank)):
            part = labels[step * size : (step + 1) * size]
            for learner in together:
                with learner.clock():
                    learner.step(inputs, part, epoch, step)


def sources(
    context: Context, learners: list[Learner], epoch: int, shared: bool
) -> list[tuple[Banked | None, list[Learner]]]:
    """Who reads its training features from the bank (tokens and pooled, or pooled alone), and who from a live trunk.

    Banked and live features differ in rounding, so each learner's source depends on its own needs and the bank's limit,
    never on who trains beside it. Tokens come first: the pass that fills them fills the pooled features too.
    """
    if not (shared and context.finite):
        return [(None, learners)]
    found: list[tuple[Banked | None, list[Learner]]] = []
    live: list[Learner] = []
    for tokens in (True, False):
        some = [learner for learner in learners if learner.job.method.needs_tokens == tokens]
        bank = context.banked("train", tokens, context.view_number(epoch)) if some else None
        if bank is not None:
            found.append((bank, some))
        else:
            live += some
    return [*found, (None, live)] if live else found


def inputs_of_epoch(context: Context, stage: int, epoch: int, shared: bool, bank: Banked | None) -> Iterator[Inputs]:
    """The epoch's batches: on the shared trunk features (banked, or from its forward pass), else images."""
    if bank is None:
        for _, _, images in context.batches(stage, epoch):
            yield context.features(images) if shared else images
        return
    order = context.order(stage, epoch)
    places = [order[part] for part in parts(len(order), context.recipe.batch_size)]
    yield from ahead(lambda rows: bank.batch(rows, context.device), places)


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
            with learner.clock():
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
