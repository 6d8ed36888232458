"""From stage jobs to outcomes: building learners, training them together, opening the test split once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file, save_file

import numpy as np

from bench.atomic import write_atomic, write_text
from bench.errors import BenchError, UsageError
from bench.methods.build import build_model, trainable_names
from bench.training import checkpoint
from bench.training.context import Context
from bench.training.job import StageJob
from bench.training.learner import Learner, Progress
from bench.training.loop import predict, selection_split, train
from bench.training.streams import reseed


class OutOfMemory(BenchError):
    """Neither smaller groups nor smaller micro-batches made the cell fit."""

    kind = "out_of_memory"


@dataclass(frozen=True)
class StageOutcome:
    """What a finished stage gives to the records of its cells.

    Attributes:
        logits: Split -> (n, C) float32 of the selected epoch, in table order.
        trainable: Number of parameters trained.
        micro_batches: Parts a batch was split into for lack of memory; more than 1 changes rounding.
        openings: How often the test labels were looked at.
    """

    job: StageJob
    progress: Progress
    logits: dict[str, np.ndarray]
    trainable: int
    micro_batches: int
    openings: int
    diagnostics: dict[str, Any]


Result = StageOutcome | BenchError
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

    def run(self, jobs: list[StageJob]) -> dict[str, Result]:
        """Train jobs that may share a pass; a job that fails gives its error and leaves the others alone."""
        done = {job.key: outcome for job in jobs if (outcome := self.finished(job))}
        waiting = [job for job in jobs if job.key not in done]
        return {**done, **(self._fit_in_memory(waiting, 1) if waiting else {})}

    def finished(self, job: StageJob) -> StageOutcome | None:
        """The outcome of a job that an earlier, interrupted run has finished."""
        folder = self.checkpoints / job.key
        if not (folder / "outcome.json").exists():
            return None
        saved = json.loads((folder / "outcome.json").read_text())
        return StageOutcome(job=job, progress=Progress(**saved.pop("progress")), logits=load_file(folder / "logits.safetensors"), **saved)

    def _fit_in_memory(self, jobs: list[StageJob], micro_batches: int) -> dict[str, Result]:
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
            return {jobs[0].key: OutOfMemory("Out of memory even with one image at a time. Use a smaller size or backbone.")}
        return self._fit_in_memory(jobs, 2 * micro_batches)

    def _train(self, jobs: list[StageJob], micro_batches: int) -> dict[str, Result]:
        learners = [self._learner(job, micro_batches) for job in jobs]
        train(self.context, learners, self._time_left(jobs), self._book)
        return {learner.job.key: learner.failure or self._finish(learner) for learner in learners}

    def _time_left(self, jobs: list[StageJob]) -> float | None:
        if self.time_limit is None or jobs[0].parent is None:
            return self.time_limit
        earlier = [self.finished(job) for job in jobs[0].parent.chain()]
        return self.time_limit - sum(outcome.progress.seconds for outcome in earlier if outcome)

    def _learner(self, job: StageJob, micro_batches: int) -> Learner:
        """Build model and optimiser, starting from the parent's best state, and resume where a checkpoint ends."""
        context = self.context
        reseed(job.seed, "init")
        backbone = context.trunk if job.shares_trunk else context.own_trunk()
        start = {f"backbone.{k}": v for k, v in context.trunk.named_parameters()}
        model = build_model(backbone, job.method, context.prepared.classes).to(context.device)
        learner = Learner(job, model, trainable_names(model, job.stage), start, context.steps_per_epoch())
        if job.parent is not None:
            learner.load(checkpoint.load_best(self.checkpoints / job.parent.key, context.device))
            learner.best = learner.state()
        learner.micro_batches = micro_batches
        if micro_batches > 1 and learner.updates_batch_norm():
            raise UsageError("Out of memory, and train-mode batch norm forbids smaller micro-batches. Lower batch_size.")
        checkpoint.restore(self.checkpoints / job.key, learner)
        return learner

    def _book(self, learner: Learner, images: int) -> None:
        if learner.failure is None:
            checkpoint.save(self.checkpoints / learner.job.key, learner)
        self.booked(learner, images)

    def _finish(self, learner: Learner) -> StageOutcome:
        """Load the selected state, predict, and keep the outcome, so that the test split is opened once."""
        learner.load(learner.best)
        openings = 1 + (learner.job.recipe.epochs if learner.job.selection == "test_best" else 0)
        splits = [s for s in ("val", "test") if len(self.context.prepared.rows(s))]
        outcome = StageOutcome(
            job=learner.job,
            progress=learner.progress,
            logits={split: predict(self.context, [learner], split)[0] for split in splits},
            trainable=sum(parameter.numel() for parameter in learner.parameters),
            micro_batches=learner.micro_batches,
            openings=openings,
            diagnostics={},
        )
        self._keep(outcome)
        return outcome

    def _keep(self, outcome: StageOutcome) -> None:
        folder = self.checkpoints / outcome.job.key
        write_atomic(folder / "logits.safetensors", lambda path: save_file(outcome.logits, path))
        saved = {k: getattr(outcome, k) for k in ("trainable", "micro_batches", "openings", "diagnostics")}
        write_text(folder / "outcome.json", json.dumps({**saved, "progress": asdict(outcome.progress)}))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a device or on the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


__all__ = ["OutOfMemory", "Result", "StageOutcome", "StageRunner", "selection_split"]
