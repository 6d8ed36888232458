"""Stage jobs: trained together, selected on validation, and only then shown the test split, once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from timm.layers import convert_sync_batchnorm
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.drop_path import set_drop_path
from bench.backbones.features import Features
from bench.backbones.saving_memory import checkpoint_gradients
from bench.cells.recipes import Recipe
from bench.core import ranks
from bench.core.atomic import write_atomic, write_text
from bench.core.errors import BenchError, UsageError
from bench.methods.base import Method
from bench.methods.build import build_model, trainable_names
from bench.methods.spectrum import spectrum
from bench.tasks.base import Outputs
from bench.training import checkpoint
from bench.training.context import Context
from bench.training.failures import OutOfMemory, is_out_of_memory, typed
from bench.training.feature_export import exported, featured
from bench.training.finishing import finish
from bench.training.job import StageJob
from bench.training.learner import Learner
from bench.training.loop import Booked, inputs_of_split, predict, selection_split, train
from bench.training.progress import Progress
from bench.training.streams import reseed

FEATURES = "features"  # with a split, takes its place among the arrays of a finished stage


@dataclass(frozen=True)
class Trained:
    """A stage whose best epoch so far is chosen; the test split is still sealed.

    Attributes:
        progress: Of all epochs, or of those that a trial was given before it was compared with others.
        trainable: Number of parameters trained.
    """

    job: StageJob
    progress: Progress
    trainable: int


@dataclass(frozen=True)
class Reported:
    """What a stage gives to the records of its cells.

    Attributes:
        outputs: Split -> predictions of the selected epoch, in table order.
        features: Split -> what `bench.training.feature_export.exported` kept of it; empty unless asked for.
        test_evaluations: How often the test targets were evaluated.
    """

    trained: Trained
    outputs: dict[str, Outputs]
    test_evaluations: int
    diagnostics: dict[str, Any]
    features: dict[str, Outputs] = field(default_factory=dict)


@dataclass(frozen=True)
class StageRunner:
    """Runs stage jobs of one group.

    Attributes:
        checkpoints: Folder of checkpoints, one subfolder a job.
        booked: Called after every epoch with the learners it trained and the samples that each saw.
        splits: What is predicted once selection is final; without "test" that split stays shut, and so does any other
            that is not named.
        keep_features: Keep features of the training and test splits with the predictions.
        pace: When a learner that is not through writes a checkpoint.
    """

    context: Context
    checkpoints: Path
    time_limit: float | None
    booked: Booked
    splits: tuple[str, ...] = ("val", "test")
    keep_features: bool = False
    pace: checkpoint.Pace = field(default_factory=lambda: checkpoint.Pace(0.0))

    def train(self, jobs: list[StageJob], until: int | None = None) -> dict[str, Trained | BenchError]:
        """Train jobs that may share a pass; one that fails gives its error and leaves the others alone.

        Args:
            until: Stop after so many epochs; called again, they go on as if they had not stopped.
        """
        done = {job.key: found for job in jobs if (found := self._finished(job))}
        waiting = [job for job in jobs if job.key not in done]
        return {**done, **(self._fit_in_memory(waiting, 1, until) if waiting else {})}

    def report(self, stages: list[Trained]) -> dict[str, Reported]:
        """Open the test split for stages whose selection is final; what an interrupted run has opened is read back."""
        done = {stage.job.key: found for stage in stages if (found := self._reported(stage))}
        waiting = [stage for stage in stages if stage.job.key not in done]
        shared = [stage for stage in waiting if stage.job.shares_backbone]
        for together in [shared, *([stage] for stage in waiting if stage not in shared)]:
            done.update(self._open_test(together))
        return done

    def _finished(self, job: StageJob) -> Trained | None:
        file = self.checkpoints / job.key / "trained.json"
        if not file.exists():
            return None
        saved = json.loads(file.read_text())
        return Trained(job, Progress(**saved["progress"]), saved["trainable"])

    def _fit_in_memory(
        self, jobs: list[StageJob], micro_batches: int, until: int | None
    ) -> dict[str, Trained | BenchError]:
        """Train; when memory runs out, first split the group, then the batch, down to single samples."""
        try:
            return self._train(jobs, micro_batches, until)
        except (RuntimeError, MemoryError) as error:
            if ranks.several() or not is_out_of_memory(error):
                raise
        if self.context.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(jobs) > 1:
            half = len(jobs) // 2
            return {**self._fit_in_memory(jobs[:half], 1, until), **self._fit_in_memory(jobs[half:], 1, until)}
        if micro_batches >= self.context.recipe.batch_size:
            return {jobs[0].key: OutOfMemory("Out of memory even with one sample at a time. Use a smaller size.")}
        return self._fit_in_memory(jobs, min(2 * micro_batches, self.context.recipe.batch_size), until)

    def _train(self, jobs: list[StageJob], micro_batches: int, until: int | None) -> dict[str, Trained | BenchError]:
        built, failed = self._learners(jobs)
        learners = list(built.values())
        for learner in learners:
            checkpoint.restore(self.checkpoints / learner.job.key, learner)
            self.pace.begin(learner.job.key)
            learner.progress.micro_batches = max(micro_batches, learner.progress.micro_batches)
            if micro_batches > 1 and learner.updates_batch_norm():
                raise OutOfMemory("Out of memory, and train-mode batch norm forbids micro-batches. Lower batch_size.")
            if ranks.several() and learner.device.type != "cuda" and learner.updates_batch_norm():
                raise UsageError("Batch statistics of several processes are joined on CUDA only. Use one process here.")
        if learners:
            train(self.context, learners, self._time_left(jobs[0]), self._book, until)
        return {**failed, **{key: learner.failure or self._outcome(learner) for key, learner in built.items()}}

    def _learners(self, jobs: list[StageJob]) -> tuple[dict[str, Learner], dict[str, BenchError]]:
        """Learners of jobs, and what went wrong in the making of others."""
        built, failed = dict[str, Learner](), dict[str, BenchError]()
        for job in jobs:
            try:
                built[job.key] = self._learner(job)
            except Exception as error:  # a method's own code may raise anything; the others go on
                if is_out_of_memory(error):
                    raise
                failed[job.key] = typed(error)
        return built, failed

    def _outcome(self, learner: Learner) -> Trained | BenchError:
        if learner.finished:
            finish(self.context, learner, lambda: self._learner(learner.job).state())
            return learner.failure or self._keep_trained(learner)
        self._save(learner)
        return _trained(learner)

    def _save(self, learner: Learner) -> None:
        checkpoint.save(self.checkpoints / learner.job.key, learner)
        self.pace.begin(learner.job.key)

    def _time_left(self, job: StageJob) -> float | None:
        if self.time_limit is None or job.parent is None:
            return self.time_limit
        earlier = [self._finished(stage) for stage in job.parent.chain()]
        return self.time_limit - sum(stage.progress.seconds for stage in earlier if stage)

    def _learner(self, job: StageJob) -> Learner:
        """Build model and optimiser, starting from the selected states of the stages before."""
        context = self.context
        reseed(job.seed, "init")
        backbone = context.backbone if job.shares_backbone else context.own_backbone()
        if job.recipe.drop_path and not job.shares_backbone:
            set_drop_path(backbone, job.recipe.drop_path)
        model = build_model(backbone, job.method, context.head_spec(job.recipe)).to(context.device)
        if ranks.several() and context.device.type == "cuda":
            model = convert_sync_batchnorm(model)
        if not job.shares_backbone:
            _prepare(model.backbone, job.recipe)
        names, steps = trainable_names(model, job.stage), context.steps_per_epoch()
        learner = Learner(job, context.task, model, names, context.backbone, steps)
        learner.inherit(checkpoint.load_best(self.checkpoints / j.key, context.device) for j in job.chain()[:-1])
        return learner

    def _book(self, learners: Sequence[Learner], samples: int) -> None:
        for learner in learners:
            if not learner.finished and self.pace.due(learner.job.key):
                self._save(learner)
        self.booked(learners, samples)

    def _keep_trained(self, learner: Learner) -> Trained:
        done = _trained(learner)
        kept = {"trainable": done.trainable, "progress": asdict(done.progress)}
        folder = self.checkpoints / learner.job.key
        checkpoint.finish(folder, learner)
        write_text(folder / "trained.json", json.dumps(kept), point="trained")
        return done

    def _open_test(self, stages: list[Trained]) -> dict[str, Reported]:
        """Load the selected states and predict; learners on the shared backbone share the passes."""
        if not stages:
            return {}
        learners = [self._learner(stage.job) for stage in stages]
        for learner in learners:
            learner.load(checkpoint.load_best(self.checkpoints / learner.job.key, self.context.device))
        known = [self._known(learner) for learner in learners]
        splits = [split for split in self.splits if len(self.context.prepared.rows(split))]
        found: list[dict[str, Outputs]] = [{} for _ in learners]
        for split in splits:
            if all(split in one for one in known):
                found = [{**f, split: one[split]} for f, one in zip(found, known, strict=True)]
            else:
                predicted = predict(self.context, learners, split)
                for learner in learners:
                    if learner.failure is not None:
                        raise learner.failure
                found = [{**f, split: one.outputs} for f, one in zip(found, predicted, strict=True)]
        return {
            stage.job.key: self._keep_reported(stage, learner, outputs)
            for stage, learner, outputs in zip(stages, learners, found, strict=True)
        }

    def _known(self, learner: Learner) -> dict[str, Outputs]:
        """Predictions of the selected state that training has kept."""
        split = selection_split(self.context, learner)
        outputs = checkpoint.load_best_outputs(self.checkpoints / learner.job.key)
        return {split: outputs} if split and outputs else {}

    def _keep_reported(self, stage: Trained, learner: Learner, outputs: dict[str, Outputs]) -> Reported:
        peeks = stage.progress.epoch if stage.job.selection == "test_best" else 0
        told = stage.progress.finished or {}
        diagnostics = {**told, **self._diagnosed(learner, "val" if "val" in outputs else "test")}
        wanted = featured(outputs) if self.keep_features else ()
        features = {split: exported(self.context, learner, split) for split in wanted}
        folder = self.checkpoints / stage.job.key
        arrays = {**outputs, **{f"{FEATURES}.{split}": found for split, found in features.items()}}
        flat = {f"{part}/{name}": np.ascontiguousarray(a) for part, o in arrays.items() for name, a in o.items()}
        write_atomic(folder / "outputs.safetensors", lambda path: save_file(flat, path), point="outputs")
        kept: dict[str, Any] = {"test_evaluations": peeks + ("test" in outputs), "diagnostics": diagnostics}
        write_text(folder / "reported.json", json.dumps(kept), point="reported")
        return Reported(stage, outputs, kept["test_evaluations"], diagnostics, features)

    def _diagnosed(self, learner: Learner, split: str) -> dict[str, Any]:
        """What the method says of its model, and the spectra of what it trained of the pre-trained weights."""
        method, spectra = learner.job.method, spectrum(learner.model, learner.start, learner.trainable)
        found: dict[str, Any] = {"spectrum": spectra} if spectra else {}
        if type(method).diagnose is Method.diagnose:
            return found
        with torch.no_grad():
            return {**found, **method.diagnose(learner.model, self._features_and_targets(learner, split))}

    def _reported(self, stage: Trained) -> Reported | None:
        folder = self.checkpoints / stage.job.key
        if not (folder / "reported.json").exists():
            return None
        saved = json.loads((folder / "reported.json").read_text())
        outputs: dict[str, Outputs] = {}
        for name, array in load_file(folder / "outputs.safetensors").items():
            split, _, what = name.partition("/")
            outputs.setdefault(split, {})[what] = array
        begins = f"{FEATURES}."
        features = {name.removeprefix(begins): outputs.pop(name) for name in list(outputs) if name.startswith(begins)}
        return Reported(stage, outputs, **saved, features=features)

    def _features_and_targets(self, learner: Learner, split: str) -> Iterator[tuple[Features, Tensor]]:
        """Features as the head sees them, with targets (B, ...), in evaluation mode."""
        learner.eval_mode()
        rows, at = self.context.prepared.rows(split), 0
        for inputs in inputs_of_split(
            self.context, split, learner.job.shares_backbone, learner.job.method.needs_tokens
        ):
            features = inputs if isinstance(inputs, Features) else learner.features(inputs)
            count = len(features.pooled)
            yield features, self.context.targets(rows[at : at + count])
            at += count


def _prepare(backbone: Backbone, recipe: Recipe) -> None:
    """Let a backbone that trains save memory or time, as the recipe says."""
    if recipe.checkpointing:
        checkpoint_gradients(backbone)
    if recipe.compile:
        backbone.compile()


def _trained(learner: Learner) -> Trained:
    return Trained(learner.job, learner.progress, sum(parameter.numel() for parameter in learner.parameters))
