"""A learner: one stage in training, with its own parameters, optimiser, selection and random streams."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.backbones.features import Features
from bench.core import ranks
from bench.core.atomic import DiskFull
from bench.core.errors import BenchError, NonFiniteLoss, TimeLimit, UsageError
from bench.methods.base import Batch
from bench.methods.hooks import Memory, State, Step
from bench.methods.model import Model
from bench.tasks.base import Outputs, Task, better, check_shape
from bench.training.failures import is_out_of_memory, typed
from bench.training.job import StageJob
from bench.training.loss_scale import FIRST, adjusted, unscale
from bench.training.modes import autocast, freeze_others, set_modes, statistics_held
from bench.training.optim import build_optimizers
from bench.training.progress import Progress, even_parts, since_improved
from bench.training.schedules import learning_rate
from bench.training.streams import reseed


class Learner:
    """Trains one `StageJob`.

    Args:
        job: What to train.
        task: What is learned.
        model: Backbone and head; the backbone is the shared backbone when ``job.shares_backbone``.
        trainable: Names of the parameters that train.
        pretrained: The backbone as it was pre-trained, in evaluation mode; never changed.
        steps_per_epoch: Optimiser steps in an epoch.
    """

    def __init__(
        self, job: StageJob, task: Task, model: Model, trainable: list[str], pretrained: Backbone, steps_per_epoch: int
    ) -> None:
        if not trainable:
            raise UsageError(f"{job.method.plugin_name()}: {job.stage.name} trains no parameter. Check its stages().")
        self.job, self.task, self.model, self.pretrained = job, task, model, pretrained
        self.start: State = {f"backbone.{name}": p for name, p in pretrained.named_parameters()}
        self.trainable, self.selects = trainable, task.selecting(job.recipe.select)
        self.steps_per_epoch = steps_per_epoch
        self.trained = freeze_others(model, trainable, job.shares_backbone)
        self.parameters = list(self.trained.values())
        self.optimizers = build_optimizers(model, trainable, job)
        self.memory = Memory()
        self.scales = job.recipe.precision == "fp16"
        self.progress = Progress(micro_batches=job.recipe.accumulate, loss_scale=FIRST if self.scales else 1.0)
        self._finite = True  # all gradients of the step at hand
        self.best: State = self.state()
        self.best_outputs: Outputs = {}
        self.failure: BenchError | None = None
        self.device = self.parameters[0].device
        self._loss_sum = torch.zeros((), device=self.device)
        self._seen = 0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or the learner has failed."""
        return self.reached(None)

    def reached(self, until: int | None) -> bool:
        """Whether so many epochs (None: all) are done, or the learner has failed or run out of patience."""
        epochs = self.job.epochs if until is None else min(until, self.job.epochs)
        return self.failure is not None or self.progress.epoch >= epochs or self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """Whether the recipe's `patience` has ended the stage."""
        patience, scores = self.job.recipe.patience, self.progress.curves.get(f"val_{self.selects.name}", [])
        return patience is not None and since_improved(scores, self.selects) >= patience

    def tensors(self) -> State:
        """The trained parameters and the buffers that training may change, by name."""
        kept = set(self.trainable)
        owner = "head." if self.job.shares_backbone else ""
        state = self.model.state_dict()
        buffers = {name for name, _ in self.model.named_buffers() if name.startswith(owner)}
        return {name: value for name, value in state.items() if name in kept or name in buffers}

    def state(self) -> State:
        """Copies of `tensors`."""
        return {name: value.detach().clone() for name, value in self.tensors().items()}

    def load(self, state: State) -> None:
        """Set the tensors that `state` returned."""
        own = self.model.state_dict()
        with torch.no_grad():
            for name, value in state.items():
                own[name].copy_(value)

    def inherit(self, states: Iterable[State]) -> None:
        """Start from the selected states of the stages before, oldest first: each holds only what its stage trained."""
        for state in states:
            self.load(state)
        self.best = self.state()

    def train_mode(self) -> None:
        """Training mode for what trains; frozen parts stay in evaluation mode, so their statistics hold still."""
        self.model.head.train()
        if not self.job.shares_backbone:
            set_modes(self.model, self.trainable, self.job.recipe.batch_norm)

    def step(self, inputs: Features | Tensor, targets: Tensor, epoch: int, step: int, size: int | None = None) -> None:
        """One optimiser step, unless the learner has failed; no value leaves the device.

        Args:
            inputs: The shared backbone's features, or normalised inputs (B, *input_shape) for the learner's own
                backbone.
            targets: (B, ...) as the task gives them.
            size: Samples of the whole batch, where other ranks have the others (`bench.core.ranks`).
        """
        if self.failure is not None:
            return
        self._set_rates(epoch, step)
        whole = len(targets) if size is None else size
        now = self._step(inputs, targets, whole, epoch * self.steps_per_epoch + step)
        passes = itertools.count()
        self.job.method.optimize(now, lambda: self._backward(now, (epoch, step), first=not next(passes)))
        self.job.method.after_step(now)
        self._seen += whole

    def _set_rates(self, epoch: int, step: int) -> None:
        job, recipe = self.job, self.job.recipe
        rate = learning_rate(
            recipe.schedule, job.base_lr, job.epochs, recipe.warmup_epochs, self.steps_per_epoch, epoch, step
        )
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]

    def _step(self, inputs: Features | Tensor, targets: Tensor, size: int, number: int) -> Step:
        """What the method's hooks are given."""
        job, total = self.job, self.job.epochs * self.steps_per_epoch
        return Step(
            self.model, inputs, targets, size, number, total, job.stage, job.recipe, self.trained,
            self.pretrained, self.optimizers, self.memory, self,
        )  # fmt: skip

    def _backward(self, step: Step, at: tuple[int, int], first: bool) -> None:
        """The gradients of a batch, part by part; running statistics and recorded loss heed the first pass alone."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        own = (ranks.rank(),) if ranks.rank() else ()  # other samples, other chance; rank 0 has that of one process
        reseed(self.job.seed, "dropout", self.job.index, *at, *own)
        with nullcontext() if first else statistics_held(self.model):
            for part in even_parts(len(step.targets), self.progress.micro_batches):
                some = replace(step, inputs=step.inputs[part], targets=step.targets[part])
                loss, count = self.job.method.training_step(some), len(some.targets)
                (loss * (count / step.size * self.progress.loss_scale)).backward()
                if first:
                    self._loss_sum += loss.detach() * count
        ranks.add_gradients(self.parameters)
        if self.scales:
            self._finite = unscale(self.parameters, self.progress.loss_scale) and self._finite

    def update(self, clip: bool = True) -> None:
        """Clip gradients as the recipe says, and let the optimisers step; in half precision, if all were finite."""
        if self.scales:
            finite, self._finite = self._finite, True
            progress = self.progress
            progress.loss_scale, progress.finite_steps = adjusted(progress.loss_scale, progress.finite_steps, finite)
            if not finite:
                return
        if clip and self.job.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.job.recipe.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What goes wrong inside ends this learner and none beside it; a lack of memory or disk is everybody's."""
        try:
            yield
        except DiskFull:
            raise
        except Exception as error:  # a method's own code may raise anything; the record of its cell says what
            if is_out_of_memory(error):
                raise
            self.failure = typed(error)

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Book the time inside as this learner's own; on a GPU by events, which wait for nothing."""
        if self.device.type == "cuda":
            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            began.record()
            try:
                yield
            finally:
                ended.record()
                self._events.append((began, ended))
            return
        start = time.perf_counter()
        try:
            yield
        finally:
            self.progress.seconds += time.perf_counter() - start

    def settle(self) -> None:
        """Add up what `clock` booked by events."""
        if self._events:
            torch.cuda.synchronize(self.device)
            self.progress.seconds += sum(began.elapsed_time(ended) for began, ended in self._events) / 1000
            self._events.clear()

    def forward(self, inputs: Features | Tensor) -> Tensor:
        """Outputs (B, ...), float32, in the recipe's precision."""
        return self.forward_pass(inputs)[1]

    def precision(self) -> AbstractContextManager[Any]:
        """The recipe's precision as a context."""
        return autocast(self.job.recipe.precision, self.device)

    def forward_pass(self, inputs: Features | Tensor) -> tuple[Features, Tensor]:
        """Features and outputs (B, ...), the latter in float32, computed in the recipe's precision."""
        with self.precision():
            features = inputs if isinstance(inputs, Features) else self.model.backbone(inputs)
            outputs: Tensor = self.model.head(features).float()
        if self.model.outputs is not None:
            check_shape(self.task, outputs, len(features.pooled), *self.model.outputs)
        return features, outputs

    def features(self, inputs: Tensor) -> Features:
        """What the learner's own backbone hands to its head, float32, computed in the recipe's precision."""
        with self.precision():
            features: Features = self.model.backbone(inputs)
        return features.map(lambda tensor: tensor.float())

    def loss_of(self, features: Features, outputs: Tensor, targets: Tensor) -> Tensor:
        """The task's loss plus the method's own, a scalar."""
        loss = self.task.loss(outputs, targets, self.job.recipe)
        extra = self.job.method.extra_loss(self.model, Batch(features, targets, self.start))
        return loss if extra is None else loss + extra

    def eval_mode(self) -> None:
        """Evaluation mode for everything."""
        self.model.eval()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode, with what the method evaluates in place of its trained tensors."""
        self.eval_mode()
        own = self.model.state_dict() if self.memory.evaluated else {}
        before = {name: own[name].clone() for name in self.memory.evaluated}
        self.load(self.memory.evaluated)
        try:
            yield
        finally:
            self.load(before)

    def evaluated_state(self) -> State:
        """`state`, as it is evaluated."""
        return self.state() | {name: value.detach().clone() for name, value in self.memory.evaluated.items()}

    def end_epoch(self, val_loss: float, score: float, outputs: Outputs, time_limit: float | None) -> None:
        """Book an epoch: curves, selection, failures.

        Args:
            val_loss: Mean loss on the selection split; not a number when there is none.
            score: The selecting metric on the selection split, unrounded.
            outputs: Predictions there that are worth keeping, if any.
            time_limit: Seconds allowed, or None.
        """
        progress = self.progress
        ranks.add(self._loss_sum)
        train_loss = float(self._loss_sum) / max(self._seen, 1)
        self._loss_sum.zero_()
        self._seen = 0
        rate = self.optimizers[0].param_groups[0]["lr"]
        progress.note(lr=rate, train_loss=train_loss, val_loss=val_loss)
        progress.note(**{f"val_{self.selects.name}": score})
        if not math.isfinite(train_loss):
            self.failure = NonFiniteLoss(f"The loss was {train_loss} in epoch {progress.epoch + 1}. Lower lr.")
            return
        if self.job.selection == "last" or self._improves(score):
            progress.best_epoch, progress.best_score = progress.epoch, score
            self.best, self.best_outputs = self.evaluated_state(), outputs
        progress.epoch += 1
        if time_limit is not None and progress.seconds > time_limit and not self.finished:
            self.failure = TimeLimit(f"Stopped after epoch {progress.epoch}: over --time-limit {time_limit:g} s.")

    def _improves(self, score: float) -> bool:
        best = self.progress.best_score
        if best is None:
            return True
        return better(self.selects, score, best) or (score == best and self.job.recipe.ties == "later")

    def updates_batch_norm(self) -> bool:
        """Whether a training step changes batch statistics, so that parts of a batch are not the same as the whole."""
        self.train_mode()
        return any(m.training for m in self.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
