"""What every method must do, tried on tiny backbones. The subject of a check is the method's class."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from bench.backbones import Features, FeatureSpec
from bench.backbones.base import Backbone
from bench.cells.notation import Spec
from bench.cells.recipes import preset
from bench.conformance.base import Check, require
from bench.conformance.tiny import DEPTH, SIZE, tiny_backbone, tiny_images, tiny_volumes, tiny_weights
from bench.conformance.tiny_text import reading_backbone, tiny_clip
from bench.core.errors import UsageError
from bench.methods import FeatureMethod, FeatureSplit, HeadSpec, Method, Stage
from bench.methods.build import build_model, check, trainable_names
from bench.methods.linear import merge
from bench.tasks.classification import Classification
from bench.training.job import stage_jobs
from bench.training.learner import Learner
from bench.training.streams import reseed

CLASSES, BATCH = 5, 6
KINDS = {"vit": ("vit",), "cnn": ("cnn", "batch_norm_cnn"), "hybrid": ("hybrid",)}  # family -> tiny backbones
SPEC = HeadSpec(FeatureSpec(token_dim=16, pooled_dim=16, grid=(1, 1), family="vit"), CLASSES)
TASK = Classification()  # what methods are tried on; the contract of other tasks is theirs to check
State = dict[str, Tensor]


def check_card(cls: type[Method] | type[FeatureMethod]) -> None:
    """The docstring is there, the families are known, every field has a default and a description."""
    require(
        cls.__doc__ and cls.__doc__ not in (Method.__doc__, FeatureMethod.__doc__), f"{cls.__name__} needs a docstring."
    )
    require(
        cls.families and set(cls.families) <= set(KINDS),
        f"families must be some of {', '.join(KINDS)}: {cls.families}.",
    )
    for name, field in cls.model_fields.items():
        require(field.description, f"The field {name} needs a description: Field(..., description=...).")
        require(not field.is_required(), f"The field {name} needs a default.")


def check_name(cls: type[Method] | type[FeatureMethod]) -> None:
    """The name with its fields parses back to the same method."""
    method = cls()
    text = str(Spec(cls.plugin_name(), method.model_dump(mode="json")))
    spec = Spec.parse(text)
    require(cls.build(spec.name, spec.params) == method, f"{text} does not parse back.")


def check_stages(cls: type[Method]) -> None:
    """There is at least one stage, their names differ, `stage_only` names fields."""
    names = [stage.name for stage in cls().stages()]
    require(names and len(names) == len(set(names)), f"stages() must give stages of different names, not {names}.")
    unknown = cls.stage_only - set(cls.model_fields)
    require(not unknown, f"stage_only names no field: {sorted(unknown)}.")


def check_injection(cls: type[Method]) -> None:
    """What the method adds to a backbone takes part in its forward pass."""
    for backbone in backbones(cls):
        check(backbone, cls())


def check_identity(cls: type[Method]) -> None:
    """A method that says so leaves the backbone's features as they are at the start."""
    for backbone in backbones(cls) if cls.identity_at_start else ():
        before = frozen_features(backbone)
        reseed(0, "init")
        cls().inject(backbone)
        after = frozen_features(backbone)
        for name in ("tokens", "pooled"):
            far = float((getattr(after, name) - getattr(before, name)).abs().max())
            require(far <= 1e-5, f"{where(backbone)} identity_at_start, but {name} differ by up to {far:.2g}.")


def check_shapes(cls: type[Method]) -> None:
    """Images (B, 3, S, S) give finite logits (B, classes), and no image changes another's."""
    for backbone in backbones(cls):
        reseed(0, "init")
        model = build_model(backbone, cls(), spec_of(backbone)).eval()
        with torch.no_grad():
            logits, alone = model(images()), model(images()[:1])
        require(logits.shape == (BATCH, CLASSES), f"{where(backbone)} logits have shape {tuple(logits.shape)}.")
        require(logits.isfinite().all(), f"{where(backbone)} logits are not finite before training.")
        close = torch.allclose(alone, logits[:1], rtol=1e-3, atol=1e-4)
        require(close, f"{where(backbone)} an image's logits depend on the other images of its batch.")


def check_features_untouched(cls: type[Method]) -> None:
    """The head leaves the features as they are: several heads read the same ones."""
    for backbone in backbones(cls):
        features = frozen_features(backbone)
        copies = features.tokens.clone(), features.pooled.clone()
        head = cls().head(spec_of(backbone)).train()
        head(features)
        same = torch.equal(features.tokens, copies[0]) and torch.equal(features.pooled, copies[1])
        require(same, f"{where(backbone)} the head changes the features in place.")


def check_needs_tokens(cls: type[Method]) -> None:
    """A method that says it needs no tokens gives the same logits without them."""
    for backbone in () if cls.needs_tokens else backbones(cls):
        features = frozen_features(backbone)
        head = cls().head(spec_of(backbone)).eval()
        without = Features(torch.full_like(features.tokens, torch.nan), features.pooled)
        require(torch.equal(head(features), head(without)), "needs_tokens is False, but the head reads tokens.")


def check_frozen(cls: type[Method]) -> None:
    """What a stage does not train stays as it is, running statistics too; what it adds, the loss reaches."""
    for backbone in backbones(cls):
        for part in train_tiny(cls(), backbone, seed=0):
            moved = {name for name, value in part.before.items() if not torch.equal(value, part.after[name])}
            wrong = sorted(moved - part.trainable - part.may_follow)
            require(not wrong, f"{where(backbone)} {part.stage.name} changes {wrong[:1]}, which it does not train.")
            idle = f"{where(backbone)} {part.stage.name} counts {part.idle[:1]} as trained, but the loss ignores it."
            require(not part.idle, idle)


def check_trains(cls: type[Method]) -> None:
    """After three steps from its own start every parameter that the method adds has a gradient other than zero.

    Two factors that both start at zero, say, never move.
    """
    for backbone in backbones(cls):
        reseed(0, "init")
        still = [name for name, p in stepped(cls(), backbone, 3).items() if p.grad is not None and not p.grad.any()]
        require(not still, f"{where(backbone)} {still[:1]} has no gradient but zeros after three steps.")


def check_merging(cls: type[Method]) -> None:
    """What merges into frozen layers gives the same features merged, after some training."""
    for backbone in backbones(cls) if cls().injects else ():
        reseed(0, "init")
        stepped(cls(), backbone, 3)
        unmerged = frozen_features(backbone)
        merge(backbone)
        far = float((frozen_features(backbone).tokens - unmerged.tokens).abs().max())
        require(far <= 1e-4, f"{where(backbone)} merged tokens differ by up to {far:.2g}.")


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


def check_fit(cls: type[FeatureMethod]) -> None:
    """Fitting gives finite scores (n, classes), with and without validation data, and with a class missing in train."""
    train, val = feature_split(60, seed=0), feature_split(30, seed=1)
    lacking = FeatureSplit(train.x[train.y > 0], train.y[train.y > 0])
    for case, fit in {"": train, " without a class": lacking}.items():
        for held_out in (val, None):
            scores = np.asarray(cls().fit(fit, held_out, fitted_spec(cls)).predict(val.x))
            require(scores.shape == (30, CLASSES), f"fit{case}: predict gave shape {scores.shape}.")
            require(np.isfinite(scores).all(), f"fit{case}: predict gave scores that are not finite.")


def check_fit_same_bits(cls: type[FeatureMethod]) -> None:
    """Fitting twice gives the same bits and leaves the features as they are."""
    train, val = feature_split(60, seed=0), feature_split(30, seed=1)
    copies = train.x.copy(), val.x.copy()
    first, second = (np.asarray(cls().fit(train, val, fitted_spec(cls)).predict(val.x)) for _ in range(2))
    require(np.array_equal(first, second), "Two fits on the same features differ.")
    require(np.array_equal(train.x, copies[0]) and np.array_equal(val.x, copies[1]), "fit() changes the features.")


def check_end_to_end(cls: type[Method] | type[FeatureMethod]) -> None:
    """`bench run` makes a record of a tiny cell, and a second run has nothing to do."""
    from bench.engine.run import carry_out
    from bench.engine.settings import Settings
    from bench.records import Store

    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, BENCH_CACHE=f"{folder}/cache"):
        place = Path(folder)
        cell = f"{tiny_parts(cls, place)}/{cls.plugin_name()}/quick[epochs=1]/seed=0"
        settings = Settings(results=place / "runs", data=place, weights=place, device="cpu", quiet=True)
        done = carry_out([cell], settings)
        require(not done.failed, f"{cell} failed: {'; '.join(done.failed.values())}")
        record = Store(settings.results).get(done.cells[0])
        judged = record is not None and record.metrics["test"][TASK.headline.name] is not None
        require(judged, f"{cell} left no record.")
        require(carry_out([cell], settings).ran == 0, f"{cell} runs again although nothing has changed.")


def tiny_parts(cls: type[Method] | type[FeatureMethod], place: Path) -> str:
    """Make a tiny data set and backbone that the method fits, below ``place``, and return their part of a cell."""
    if cls.needs_text:
        return f"{tiny_images(place)}/{tiny_clip(place)}"
    backbone = tiny_weights(place, kinds(cls)[0])
    if issubclass(cls, FeatureMethod) and cls.needs_volumes:
        return f"{tiny_volumes(place)}/{backbone}[lift=slices,depth={DEPTH}]"
    return f"{tiny_images(place)}/{backbone}"


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
    start = {f"backbone.{name}": p.detach().clone() for name, p in backbone.named_parameters()}
    done: list[TrainedStage] = []
    states: list[State] = []
    for job in stage_jobs(method, preset("quick"), seed, "val_best", "conformance", "source"):
        reseed(seed, "init")
        model = build_model(copy.deepcopy(backbone), method, spec_of(backbone))
        learner = Learner(job, TASK, model, trainable_names(model, job.stage), start, steps_per_epoch=2)
        learner.inherit(states)
        before = snapshot(model)
        learner.train_mode()
        for step in range(2):
            inputs = frozen_features(model.backbone) if job.shares_backbone else images()
            learner.step(inputs, torch.arange(BATCH) % CLASSES, 0, step)
        trainable = set(learner.trainable)
        whole = all(name in trainable for name, _ in model.named_parameters())
        buffers = {name for name, _ in model.named_buffers() if whole or name.startswith("head.")}
        idle = sorted(name for name in trainable & model.added if model.get_parameter(name).grad is None)
        done.append(TrainedStage(job.stage, before, snapshot(model), trainable, buffers, idle))
        states.append(learner.state())
    return done


def stepped(method: Method, backbone: Backbone, steps: int) -> State:
    """What the method adds, after some steps on a loss that all features and logits enter; with the last gradients.

    Args:
        backbone: Changed in place.
    """
    model = build_model(backbone, method, spec_of(backbone)).eval().requires_grad_(False)
    added = {name: p.requires_grad_(True) for name, p in model.named_parameters() if name in model.added}
    model.head.train()  # some keep in evaluation mode what they have computed once
    optimizer = torch.optim.AdamW(added.values(), lr=1e-2)
    for _ in range(steps):
        features = model.backbone(images())
        seen = (features.tokens, features.pooled, model.head(features))
        optimizer.zero_grad()
        torch.stack([(x * noise(x.shape)).mean() for x in seen]).sum().backward()
        optimizer.step()
    return added


def spec_of(backbone: Backbone) -> HeadSpec:
    """What a head must give on a tiny backbone."""
    names = tuple(f"class {letter}" for letter in "abcde")
    text = backbone.text_features(names).detach() if backbone.reads_text else None
    support = feature_split(4 * CLASSES, 0, backbone.spec.pooled_dim)
    return HeadSpec(backbone.spec, CLASSES, names, text, backbone.text_encoder(), lambda: support)


def fitted_spec(cls: type[FeatureMethod]) -> HeadSpec:
    """`SPEC`, with text where the method needs it."""
    text = torch.randn(CLASSES, 16, generator=torch.Generator().manual_seed(0))
    return replace(SPEC, text=text) if cls.needs_text else SPEC


def snapshot(model: torch.nn.Module) -> State:
    """Copies of all parameters and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@torch.no_grad()
def frozen_features(backbone: Backbone) -> Features:
    """Features of `images` in evaluation mode."""
    return backbone.eval()(images())


@cache
def images() -> Tensor:
    """(BATCH, 3, SIZE, SIZE), always the same."""
    return noise((BATCH, 3, SIZE, SIZE))


def noise(shape: tuple[int, ...]) -> Tensor:
    """Normal noise, always the same."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def feature_split(n: int, seed: int, dim: int = 16) -> FeatureSplit:
    """n features (n, dim) that lie around their class's centre."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centres = np.random.default_rng(99).normal(size=(CLASSES, dim))
    return FeatureSplit((centres[labels] + rng.normal(size=(n, dim))).astype(np.float32), labels)


def kinds(cls: type[Method] | type[FeatureMethod]) -> list[str]:
    """The tiny backbones that the method applies to; what it refuses in words is left out.

    Raises:
        Violation: It refuses all of a family that it names.
    """
    taken = {family: [kind for kind in KINDS[family] if takes(cls, kind)] for family in cls.families}
    for family, found in taken.items():
        require(found, f"families names {family}, but inject() refuses {' and '.join(KINDS[family])}.")
    return [kind for found in taken.values() for kind in found]


@cache
def takes(cls: type[Method] | type[FeatureMethod], kind: str) -> bool:
    """Whether the method does not refuse to be put into a tiny backbone."""
    try:
        if issubclass(cls, Method) and cls().injects:
            cls().inject(tiny(cls, kind))
    except UsageError:
        return False
    return True


def backbones(cls: type[Method]) -> Iterator[Backbone]:
    """Fresh ones, since methods may change them."""
    return (tiny(cls, kind) for kind in kinds(cls))


def tiny(cls: type[Method] | type[FeatureMethod], kind: str) -> Backbone:
    """A fresh tiny backbone of a kind; one that reads text where the method needs it."""
    return reading_backbone(kind) if cls.needs_text else tiny_backbone(kind)


def where(backbone: Backbone) -> str:
    """How messages name a backbone."""
    return f"On {backbone.info.arch}:"


TRAINED: tuple[Check, ...] = (
    check_card, check_name, check_stages, check_injection, check_identity, check_shapes, check_features_untouched,
    check_needs_tokens, check_frozen, check_trains, check_merging, check_stages_continue, check_same_bits,
    check_end_to_end,
)  # fmt: skip
FITTED: tuple[Check, ...] = (check_card, check_name, check_fit, check_fit_same_bits, check_end_to_end)


def checks_for(cls: type[Method] | type[FeatureMethod]) -> tuple[Check, ...]:
    """The checks of methods trained by gradient descent, or of those fitted on features."""
    if issubclass(cls, FeatureMethod) and cls.tasks:  # what it is fitted on, these checks do not have
        return FITTED[:2]
    return TRAINED if issubclass(cls, Method) else FITTED
