"""What methods are tried on: tiny backbones, images and features, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.backbones import Features, FeatureSpec
from bench.backbones.base import Backbone
from bench.conformance.base import require
from bench.conformance.tiny import SIZE, tiny_backbone
from bench.conformance.tiny_text import clip_backbone, reading_backbone
from bench.core.errors import UsageError
from bench.methods import FeatureMethod, FeatureSplit, HeadSpec, Method
from bench.tasks.classification import Classification

CLASSES, BATCH = 5, 6
KINDS = {"vit": ("vit", "clip"), "cnn": ("cnn", "batch_norm_cnn"), "hybrid": ("hybrid",)}  # family -> tiny backbones
SPEC = HeadSpec(FeatureSpec(token_dim=16, pooled_dim=16, grid=(1, 1), family="vit"), CLASSES)
TASK = Classification()  # what methods are tried on; the contract of other tasks is theirs to check
State = dict[str, Tensor]


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
    """Whether the method does not refuse to be put into a tiny backbone; what reads no text needs no CLIP model."""
    if kind == "clip" and not cls.needs_text:
        return False
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
    if kind == "clip":
        return clip_backbone()
    return reading_backbone(kind) if cls.needs_text else tiny_backbone(kind)


def where(backbone: Backbone) -> str:
    """How messages name a backbone."""
    return f"On {backbone.info.arch}:"
