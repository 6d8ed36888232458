"""What every method must do, tried on tiny backbones. The subject of a check is the method's class."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from bench.backbones import Features
from bench.backbones.base import Backbone
from bench.cells.notation import Spec
from bench.conformance.base import Check, require
from bench.conformance.stages import (
    check_finish,
    check_frozen,
    check_fused,
    check_resumes,
    check_same_bits,
    check_stages_continue,
)
from bench.conformance.subjects import (
    BATCH,
    CLASSES,
    KINDS,
    TASK,
    State,
    backbones,
    feature_split,
    fitted_spec,
    frozen_features,
    images,
    kinds,
    noise,
    spec_of,
    where,
)
from bench.conformance.tiny import DEPTH, tiny_images, tiny_volumes, tiny_weights
from bench.conformance.tiny_text import tiny_clip
from bench.methods import FeatureMethod, FeatureSplit, Method
from bench.methods.build import build_model, check
from bench.methods.linear import merge
from bench.training.streams import reseed


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
        model = build_model(backbone, cls(), spec_of(backbone))
        features = frozen_features(model.backbone)
        copies = features.tokens.clone(), features.pooled.clone()
        head = model.head.train()
        head(features)
        same = torch.equal(features.tokens, copies[0]) and torch.equal(features.pooled, copies[1])
        require(same, f"{where(backbone)} the head changes the features in place.")


def check_needs_tokens(cls: type[Method]) -> None:
    """A method that says it needs no tokens gives the same logits without them."""
    for backbone in () if cls.needs_tokens else backbones(cls):
        model = build_model(backbone, cls(), spec_of(backbone))
        features, head = frozen_features(model.backbone), model.head.eval()
        without = Features(torch.full_like(features.tokens, torch.nan), features.pooled)
        require(torch.equal(head(features), head(without)), "needs_tokens is False, but the head reads tokens.")


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


TRAINED: tuple[Check, ...] = (
    check_card, check_name, check_stages, check_injection, check_identity, check_shapes, check_features_untouched,
    check_needs_tokens, check_frozen, check_trains, check_merging, check_stages_continue, check_same_bits,
    check_resumes, check_fused, check_finish, check_end_to_end,
)  # fmt: skip
FITTED: tuple[Check, ...] = (check_card, check_name, check_fit, check_fit_same_bits, check_end_to_end)


def checks_for(cls: type[Method] | type[FeatureMethod]) -> tuple[Check, ...]:
    """The checks of methods trained by gradient descent, or of those fitted on features."""
    if issubclass(cls, FeatureMethod) and cls.tasks:  # what it is fitted on, these checks do not have
        return FITTED[:2]
    return TRAINED if issubclass(cls, Method) else FITTED
