"""Stage jobs: trained together, selected on validation, and only then shown the test split, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from bench.backbones import Features
from bench.core.atomic import write_atomic, write_text
from bench.core.errors import BenchError
from bench.methods.build import build_model, trainable_names
from bench.training import checkpoint
from bench.training.context import Context
from bench.training.job import StageJob
from bench.training.learner import Learner, Progress, State
from bench.training.loop import inputs_of_split, predict, train
from bench.training.streams import reseed


class OutOfMemory(BenchError):
    """Neither smaller groups nor smaller micro-batches made the cell fit."""

    kind = "out_of_memory"


@dataclass(frozen=True)
class Trained:
    """A stage whose epochs are done and whose best epoch is chosen; the test split is still sealed.

    Attributes:
        trainable: Number of parameters trained.
    """

    job: StageJob
    progress: Progress
    trainable: int


@dataclass(frozen=True)
class Reported:
    """What a stage gives to the records of its cells.

    Attributes:
        logits: Split -> (n, C) float32 of the selected epoch, in table order.
        openings: How often the test labels were looked at.
    """

    trained: Trained
    logits: dict[str, np.ndarray]
    openings: int
    diagnostics: dict[str, Any]


Booked = Callable[[Learner, int], None]


@dataclass(frozen=True)
class StageRunner:
    """Runs stage jobs of one group.

    Attributes:
        checkpoints: Folder of checkpoints, one subfolder a job.
        booked: Called with each learner and the images it saw, after every epoch.
    """

    context: Context
    checkpoints: Path
    time_limit: float | None
    booked: Booked

    def train(self, jobs: list[StageJob]) -> dict[str, Trained | BenchError]:
        """Train jobs that may share a pass; one that fails gives its error and leaves the others alone."""
        done = {job.key: found for job in jobs if (found := self._finished(job))}
        waiting = [job for job in jobs if job.key not in done]
        return {**done, **(self._fit_in_memory(waiting, 1) if waiting else {})}

    def report(self, stages: list[Trained]) -> dict[str, Reported]:
        """Open the test split for stages whose selection is final; what an interrupted run has opened is read back."""
        done = {stage.job.key: found for stage in stages if (found := self._reported(stage))}
        waiting = [stage for stage in stages if stage.job.key not in done]
        shared = [stage for stage in waiting if stage.job.shares_trunk]
        for together in [shared, *([stage] for stage in waiting if stage not in shared)]:
            done.update(self._open_test(together))
        return done

    def _finished(self, job: StageJob) -> Trained | None:
        file = self.checkpoints / job.key / "trained.json"
        if not file.exists():
            return None
        saved = json.loads(file.read_text())
        return Trained(job, Progress(**saved["progress"]), saved["trainable"])

    def _fit_in_memory(self, jobs: list[StageJob], micro_batches: int) -> dict[str, Trained | BenchError]:
        """Train; when memory runs out, first split the group, then the batch."""
        try:
            return self._train(jobs, micro_batches)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        if self.context.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(jobs) > 1:
            half = len(jobs) // 2
            return {**self._fit_in_memory(jobs[:half], 1), **self._fit_in_memory(jobs[half:], 1)}
        if 2 * micro_batches > self.context.recipe.batch_size:
            return {jobs[0].key: OutOfMemory("Out of memory even with one image at a time. Use a smaller size.")}
        return self._fit_in_memory(jobs, 2 * micro_batches)

    def _train(self, jobs: list[StageJob], micro_batches: int) -> dict[str, Trained | BenchError]:
        learners = [self._learner(job) for job in jobs]
        for learner in learners:
            checkpoint.restore(self.checkpoints / learner.job.key, learner)
            learner.progress.micro_batches = max(micro_batches, learner.progress.micro_batches)
            if micro_batches > 1 and learner.updates_batch_norm():
                raise OutOfMemory("Out of memory, and train-mode batch norm forbids micro-batches. Lower batch_size.")
        train(self.context, learners, self._time_left(jobs[0]), self._book)
        return {learner.job.key: learner.failure or self._keep_trained(learner) for learner in learners}

    def _time_left(self, job: StageJob) -> float | None:
        if self.time_limit is None or job.parent is None:
            return self.time_limit
        earlier = [self._finished(stage) for stage in job.parent.chain()]
        return self.time_limit - sum(stage.progress.seconds for stage in earlier if stage)

    def _learner(self, job: StageJob) -> Learner:
        """Build model and optimiser, starting from the parent's best state."""
        context = self.context
        reseed(job.seed, "init")
        backbone = context.trunk if job.shares_trunk else context.own_trunk()
        start: State = {f"backbone.{k}": v for k, v in context.trunk.named_parameters()}
        model = build_model(backbone, job.method, context.prepared.classes).to(context.device)
        learner = Learner(job, model, trainable_names(model, job.stage), start, context.steps_per_epoch())
        if job.parent is not None:
            learner.load(checkpoint.load_best(self.checkpoints / job.parent.key, context.device))
            learner.best = learner.state()
        return learner

    def _book(self, learner: Learner, images: int) -> None:
        if learner.failure is None:
            checkpoint.save(self.checkpoints / learner.job.key, learner)
        self.booked(learner, images)

    def _keep_trained(self, learner: Learner) -> Trained:
        count = sum(parameter.numel() for parameter in learner.parameters)
        kept = {"trainable": count, "progress": asdict(learner.progress)}
        folder = self.checkpoints / learner.job.key
        write_text(folder / "trained.json", json.dumps(kept), point="trained")
        checkpoint.forget_optimizer(folder)
        return Trained(learner.job, learner.progress, count)

    def _open_test(self, stages: list[Trained]) -> dict[str, Reported]:
        """Load the selected states and predict; learners on the shared trunk share the passes."""
        if not stages:
            return {}
        learners = [self._learner(stage.job) for stage in stages]
        for learner in learners:
            learner.load(checkpoint.load_best(self.checkpoints / learner.job.key, self.context.device))
        splits = [split for split in ("val", "test") if len(self.context.prepared.rows(split))]
        logits = {split: predict(self.context, learners, split) for split in splits}
        return {
            stage.job.key: self._keep_reported(stage, learner, {split: logits[split][i] for split in splits})
            for i, (stage, learner) in enumerate(zip(stages, learners, strict=True))
        }

    def _keep_reported(self, stage: Trained, learner: Learner, logits: dict[str, np.ndarray]) -> Reported:
        peeks = stage.job.recipe.epochs if stage.job.selection == "test_best" else 0
        split = "val" if "val" in logits else "test"
        with torch.no_grad():
            diagnostics = stage.job.method.diagnose(learner.model, self._labelled_features(learner, split))
        folder = self.checkpoints / stage.job.key
        write_atomic(folder / "logits.safetensors", lambda path: save_file(logits, path), point="logits")
        kept = {"openings": 1 + peeks, "diagnostics": diagnostics}
        write_text(folder / "reported.json", json.dumps(kept), point="reported")
        return Reported(stage, logits, 1 + peeks, diagnostics)

    def _reported(self, stage: Trained) -> Reported | None:
        folder = self.checkpoints / stage.job.key
        if not (folder / "reported.json").exists():
            return None
        saved = json.loads((folder / "reported.json").read_text())
        return Reported(stage, load_file(folder / "logits.safetensors"), **saved)

    def _labelled_features(self, learner: Learner, split: str) -> Iterator[tuple[Features, Tensor]]:
        """Features as the head sees them, with labels (B,), in evaluation mode."""
        learner.eval_mode()
        labels, at = self.context.labels[torch.from_numpy(self.context.prepared.rows(split))], 0
        for inputs in inputs_of_split(self.context, split, learner.job.shares_trunk, learner.job.method.needs_tokens):
            features = inputs if isinstance(inputs, Features) else learner.features(inputs)
            count = len(features.pooled)
            yield features, labels[at : at + count]
            at += count


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a device or on the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
