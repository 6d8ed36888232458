"""A learner: one stage in training, with its own parameters, optimiser, selection and random streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.backbones import Features
from bench.core.errors import BenchError, NonFiniteLoss, TimeLimit, UsageError
from bench.methods.model import Model
from bench.training.job import StageJob
from bench.training.optim import build_optimizer
from bench.training.schedules import learning_rate
from bench.training.streams import reseed

State = dict[str, Tensor]
CURVES = ("lr", "train_loss", "val_loss", "val_accuracy")


@dataclass
class Progress:
    """What a learner remembers between epochs; plain numbers, so that JSON restores it exactly.

    Attributes:
        micro_batches: Parts a batch is split into for lack of memory; more than 1 changes rounding, so a resumed
            learner goes on with as many.
    """

    epoch: int = 0
    best_epoch: int = -1
    best_score: float = -1.0
    seconds: float = 0.0
    micro_batches: int = 1
    curves: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in CURVES})


class Learner:
    """Trains one `StageJob`.

    Args:
        job: What to train.
        model: Backbone and head; the backbone is the shared trunk when ``job.shares_trunk``.
        trainable: Names of the parameters that train.
        start: Pre-trained backbone parameters by name, for the method's penalty.
        steps_per_epoch: Optimiser steps in an epoch.
    """

    def __init__(self, job: StageJob, model: Model, trainable: list[str], start: State, steps_per_epoch: int) -> None:
        if not trainable:
            raise UsageError(f"{job.method.plugin_name()}: {job.stage.name} trains no parameter. Check its stages().")
        self.job, self.model, self.start = job, model, start
        self.trainable = trainable
        self.steps_per_epoch = steps_per_epoch
        self.parameters = _freeze_others(model, trainable, job.shares_trunk)
        self.optimizer = build_optimizer(self.parameters, job.recipe, job.base_lr)
        self.progress = Progress()
        self.best: State = self.state()
        self.failure: BenchError | None = None
        self._loss_sum = torch.zeros((), device=self.parameters[0].device)
        self._seen = 0

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or the learner has failed."""
        return self.failure is not None or self.progress.epoch >= self.job.recipe.epochs

    def state(self) -> State:
        """Copies of the trained parameters and of the buffers that training may change."""
        kept = set(self.trainable)
        owner = "head." if self.job.shares_trunk else ""
        state = self.model.state_dict()
        buffers = {name for name, _ in self.model.named_buffers() if name.startswith(owner)}
        return {k: v.detach().clone() for k, v in state.items() if k in kept or k in buffers}

    def load(self, state: State) -> None:
        """Set the tensors that `state` returned."""
        own = self.model.state_dict()
        with torch.no_grad():
            for name, value in state.items():
                own[name].copy_(value)

    def train_mode(self) -> None:
        """Training mode for what trains; frozen parts stay in evaluation mode, so their statistics hold still."""
        self.model.head.train()
        if not self.job.shares_trunk:
            set_modes(self.model.backbone, self.trainable)

    def step(self, inputs: Features | Tensor, labels: Tensor, epoch: int, step: int) -> None:
        """One optimiser step; no value leaves the device.

        Args:
            inputs: The shared trunk's features, or normalised images (B, 3, H, W) for the learner's own backbone.
            labels: (B,) class numbers.
        """
        rate = learning_rate(
            self.job.recipe.schedule, self.job.base_lr, self.job.recipe.epochs, self.job.recipe.warmup_epochs,
            self.steps_per_epoch, epoch, step,
        )  # fmt: skip
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        reseed(self.job.seed, "dropout", self.job.index, epoch, step)
        size = -(-len(labels) // self.progress.micro_batches)
        for begin in range(0, len(labels), size):
            part = slice(begin, begin + size)
            count = len(labels[part])
            loss = self.loss(inputs[part], labels[part])
            (loss * (count / len(labels))).backward()
            self._loss_sum += loss.detach() * count
        self.optimizer.step()
        self._seen += len(labels)

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Book the time inside as this learner's own."""
        began = time.perf_counter()
        yield
        self.progress.seconds += time.perf_counter() - began

    def forward(self, inputs: Features | Tensor) -> Tensor:
        """Logits (B, C), float32, in the recipe's precision."""
        with autocast(self.job.recipe.precision, self._loss_sum.device):
            module = self.model.head if isinstance(inputs, Features) else self.model
            return module(inputs).float()

    def features(self, images: Tensor) -> Features:
        """What the learner's own backbone hands to its head, in the recipe's precision."""
        with autocast(self.job.recipe.precision, self._loss_sum.device):
            features: Features = self.model.backbone(images)
            return Features(features.tokens.float(), features.pooled.float())

    def loss(self, inputs: Features | Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy plus the method's penalty, a scalar."""
        logits = self.forward(inputs)
        loss = cross_entropy(logits, labels, label_smoothing=self.job.recipe.label_smoothing)
        penalty = self.job.method.penalty(self.model, self.start)
        return loss if penalty is None else loss + penalty

    def eval_mode(self) -> None:
        """Evaluation mode for everything."""
        self.model.eval()

    def end_epoch(self, val_loss: float, score: float, time_limit: float | None) -> None:
        """Book an epoch: curves, selection, failures.

        Args:
            val_loss: Mean cross-entropy on the selection split; not a number when there is none.
            score: Accuracy on the selection split, unrounded.
            time_limit: Seconds allowed, or None.
        """
        progress, recipe = self.progress, self.job.recipe
        train_loss = float(self._loss_sum) / max(self._seen, 1)
        self._loss_sum.zero_()
        self._seen = 0
        for name, value in (("lr", self.optimizer.param_groups[0]["lr"]), ("train_loss", train_loss)):
            progress.curves[name].append(float(value))
        progress.curves["val_loss"].append(val_loss)
        progress.curves["val_accuracy"].append(score)
        if not torch.isfinite(torch.tensor(train_loss)):
            self.failure = NonFiniteLoss(f"The loss was {train_loss} in epoch {progress.epoch + 1}. Lower lr.")
            return
        better = score > progress.best_score or (score == progress.best_score and recipe.ties == "later")
        if better or self.job.selection == "last":
            progress.best_epoch, progress.best_score = progress.epoch, score
            self.best = self.state()
        progress.epoch += 1
        if time_limit is not None and progress.seconds > time_limit and not self.finished:
            self.failure = TimeLimit(f"Stopped after epoch {progress.epoch}: over --time-limit {time_limit:g} s.")

    def updates_batch_norm(self) -> bool:
        """Whether a training step changes batch statistics, so that parts of a batch are not the same as the whole."""
        self.train_mode()
        return any(m.training for m in self.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))

    def optimizer_state(self) -> dict[int, dict[str, Any]]:
        """The optimiser's tensors, by parameter number."""
        return self.optimizer.state_dict()["state"]


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The forward pass's precision as a context."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def set_modes(backbone: nn.Module, trainable: list[str]) -> None:
    """Train mode for a backbone all of whose parameters train; else only for modules that own a trained parameter."""
    names = {name for name, _ in backbone.named_parameters()}
    trained = {name.removeprefix("backbone.") for name in trainable if name.startswith("backbone.")}
    if names == trained:
        backbone.train()
        return
    backbone.eval()
    for prefix, module in backbone.named_modules():
        own = [name for name, _ in module.named_parameters(prefix, recurse=False)]
        if own and all(name in trained for name in own) and not isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.training = True


def _freeze_others(model: Model, trainable: list[str], shared: bool) -> list[nn.Parameter]:
    chosen = set(trainable)
    found = []
    for name, parameter in model.named_parameters():
        if name in chosen:
            parameter.requires_grad_(True)
            found.append(parameter)
        elif not (shared and name.startswith("backbone.")):
            parameter.requires_grad_(False)
    return found
