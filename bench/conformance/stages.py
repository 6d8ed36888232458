"""Checks of methods that train their stages with the engine's own learner."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from pathlib import Path

import torch

from bench.backbones.base import Backbone
from bench.conformance.base import require
from bench.conformance.subjects import (
    BATCH,
    CLASSES,
    TASK,
    State,
    backbones,
    frozen_features,
    images,
    kinds,
    snapshot,
    spec_of,
    tiny,
    where,
)
from bench.methods import Method, Stage
from bench.methods.build import build_model, trainable_names
from bench.methods.hooks import Selected
from bench.plugins.recipe_files import preset
from bench.training import checkpoint
from bench.training.job import StageJob, stage_jobs
from bench.training.learner import Learner
from bench.training.optimizer_state import flat
from bench.training.streams import reseed


def check_frozen(cls: type[Method]) -> None:
    """What a stage does not train stays as it is, running statistics too; what it adds, the loss reaches."""
    for backbone in backbones(cls):
        for part in train_tiny(cls(), backbone, seed=0):
            moved = {name for name, value in part.before.items() if not torch.equal(value, part.after[name])}
            wrong = sorted(moved - part.trainable - part.may_follow)
            require(not wrong, f"{where(backbone)} {part.stage.name} changes {wrong[:1]}, which it does not train.")
            idle = f"{where(backbone)} {part.stage.name} counts {part.idle[:1]} as trained, but the loss ignores it."
            require(not part.idle, idle)


def check_stages_continue(cls: type[Method]) -> None:
    """Every stage starts where the one before it ended, with all that earlier stages have trained."""
    for backbone in backbones(cls):
        stages = train_tiny(cls(), backbone, seed=0)
        for last, part in pairwise(stages):
            moved = sorted(name for name, value in last.after.items() if not torch.equal(value, part.before[name]))
            require(not moved, f"{where(backbone)} {part.stage.name} starts with another {moved[:1]} than was trained.")


def check_same_bits(cls: type[Method]) -> None:
    """Training twice with one seed gives the same bits; all chance comes from torch's global generator."""
    kind = kinds(cls)[-1]
    first, second = (train_tiny(cls(), tiny(cls, kind), seed=1)[-1].after for _ in range(2))
    different = [name for name, value in first.items() if not torch.equal(value, second[name])]
    require(not different, f"{different[:1]} differs between two runs with one seed.")


def check_resumes(cls: type[Method]) -> None:
    """A stage goes on from a checkpoint to the bits that it has without a stop, hooks' memory included."""
    backbone = tiny(cls, kinds(cls)[-1])
    for job in jobs_of(cls(), 1):
        whole, begun, resumed = (learner_of(job, backbone) for _ in range(3))
        take_epoch([whole], 0)
        take_epoch([begun], 0)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(Path(folder), begun)
            checkpoint.restore(Path(folder), resumed)
        take_epoch([whole], 1)
        take_epoch([resumed], 1)
        different = unequal(remembered(whole), remembered(resumed))
        require(not different, f"{job.stage.name}: {different[:1]} differs after resuming. Keep it in step.memory.")


def check_fused(cls: type[Method]) -> None:
    """A stage on the shared backbone gives the same bits beside another learner as alone."""
    backbone = tiny(cls, kinds(cls)[-1])
    for job, other in zip(jobs_of(cls(), 1), jobs_of(cls(), 2), strict=True):
        if job.shares_backbone:
            alone, first, second = learner_of(job, backbone), learner_of(job, backbone), learner_of(other, backbone)
            for epoch in range(2):
                take_epoch([alone], epoch)
                take_epoch([second, first], epoch)
            different = unequal(remembered(alone), remembered(first))
            require(not different, f"{job.stage.name}: {different[:1]} differs beside another learner.")


def check_finish(cls: type[Method]) -> None:
    """`finish` gives the same bits twice and changes only what its stage trained, and running statistics."""
    if cls.finish is Method.finish:
        return
    backbone = tiny(cls, kinds(cls)[-1])
    for job in jobs_of(cls(), 1):
        learner = learner_of(job, backbone)
        start, fresh = learner.state(), snapshot(learner.model)
        take_epoch([learner], 0)
        first, second = (finished(learner, start) for _ in range(2))
        changed = unequal(first, second)
        require(not changed, f"{job.stage.name}: {changed[:1]} differs between two calls of finish().")
        others = [name for name in unequal(first, fresh) if name not in start]
        require(not others, f"{job.stage.name}: finish() changes {others[:1]}, which it does not train.")


def finished(learner: Learner, start: State) -> State:
    """The model's state after `finish`, with made-up scores of which the second is the best."""
    scores = chain([0.1, 0.9], repeat(0.5))
    learner.load(learner.best)
    job, model = learner.job, learner.model
    job.method.finish(Selected(model, job.stage, job.recipe, learner.best, start, scores.__next__, learner.selects))
    return snapshot(model)


@dataclass(frozen=True)
class TrainedStage:
    """A stage's parameters and buffers by name, before and after two steps.

    Attributes:
        trainable: Names that the stage trains.
        may_follow: Buffers that may move with them: the head's, and the backbone's where all of it trains.
        idle: Trained parameters of the method's own that got no gradient.
    """

    stage: Stage
    before: State
    after: State
    trainable: set[str]
    may_follow: set[str]
    idle: list[str]


def train_tiny(method: Method, backbone: Backbone, seed: int) -> list[TrainedStage]:
    """Run two steps of every stage with the engine's own learner, each on a model of its own, as the engine does."""
    done: list[TrainedStage] = []
    states: list[State] = []
    for job in jobs_of(method, seed):
        learner = learner_of(job, backbone)
        learner.inherit(states)
        model = learner.model
        before = snapshot(model)
        learner.train_mode()
        for step in range(2):
            take_step(learner, 0, step)
        trainable = set(learner.trainable)
        whole = all(name in trainable for name, _ in model.named_parameters())
        buffers = {name for name, _ in model.named_buffers() if whole or name.startswith("head.")}
        idle = sorted(name for name in trainable & model.added if model.get_parameter(name).grad is None)
        done.append(TrainedStage(job.stage, before, snapshot(model), trainable, buffers, idle))
        states.append(learner.state())
    return done


def jobs_of(method: Method, seed: int) -> list[StageJob]:
    """The method's stages by the recipe for first tries."""
    return stage_jobs(method, preset("quick"), seed, "val_best", "conformance", "source")


def learner_of(job: StageJob, backbone: Backbone) -> Learner:
    """A learner on a model of its own, as the engine builds it."""
    reseed(job.seed, "init")
    model = build_model(copy.deepcopy(backbone), job.method, spec_of(backbone))
    return Learner(job, TASK, model, trainable_names(model, job.stage), backbone.eval(), steps_per_epoch=2)


def take_step(learner: Learner, epoch: int, step: int) -> None:
    """One step on the images, or on their features where the backbone is shared."""
    inputs = frozen_features(learner.model.backbone) if learner.job.shares_backbone else images()
    learner.step(inputs, torch.arange(BATCH) % CLASSES, epoch, step)


def take_epoch(learners: list[Learner], epoch: int) -> None:
    """Two steps, learners taking turns; what follows an epoch is booked without validation."""
    for learner in learners:
        learner.train_mode()
    for step in range(2):
        for learner in learners:
            take_step(learner, epoch, step)
    for learner in learners:
        learner.end_epoch(0.0, float(epoch), {}, None)


def remembered(learner: Learner) -> State:
    """All that a learner holds: its tensors, the best ones, the method's and the optimisers'."""
    parts = {
        "": learner.state(),
        "best.": learner.best,
        "kept.": learner.memory.kept,
        "evaluated.": learner.memory.evaluated,
        "optimizers.": flat(learner.optimizers)[0],
    }
    return {prefix + name: value for prefix, state in parts.items() for name, value in state.items()}


def unequal(first: State, second: State) -> list[str]:
    """Names of what one has and the other has not, or has with other bits."""
    both = first.keys() & second.keys()
    return sorted(
        (first.keys() ^ second.keys()) | {name for name in both if not torch.equal(first[name], second[name])}
    )
