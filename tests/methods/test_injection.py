"""Every method that changes a backbone fits each kind of backbone or says in words that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.backbones.attention import projections
from bench.backbones.cached import Cached
from bench.backbones.family import resolve_backbone
from bench.backbones.identity import Identity
from bench.baselines.l2_sp import L2SP
from bench.cells.notation import Spec
from bench.conformance.tiny_text import tiny_clip
from bench.core.errors import UsageError
from bench.methods import Batch, HeadSpec, Method
from bench.methods.build import build_model, check
from bench.plugins import registry

INJECTING = [
    name
    for name in registry.catalog("baselines")
    if issubclass(cls := registry.load("baselines", name), Method) and cls().injects
]


@pytest.fixture
def vectors() -> Identity:
    return Identity(Cached().find("cached", None), 16)


@pytest.mark.parametrize("name", INJECTING)
def test_features_made_elsewhere_have_no_layers_to_change(name: str, vectors: Identity) -> None:
    with pytest.raises(UsageError, match=f"{name} changes layers of the backbone"):
        check(vectors, registry.load("baselines", name)())


def test_l2_sp_on_features_made_elsewhere_pulls_the_classifier_alone(vectors: Identity) -> None:
    method = L2SP(beta=0.5)
    model = build_model(vectors, method, HeadSpec(vectors.spec, 3))
    features = vectors(torch.zeros(2, 16))
    found = method.extra_loss(model, Batch(features, torch.zeros(2), start={}))
    squares = sum(float(parameter.detach().square().sum()) for parameter in model.head.parameters())
    assert float(found.detach()) == pytest.approx(0.25 * squares)


@pytest.mark.parametrize("name", INJECTING)
def test_towers_of_open_clip_are_taken_or_refused_in_words(name: str, tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    spec = Spec.parse(tiny_clip(tmp_path))
    family = resolve_backbone(spec, tmp_path)
    backbone = family.load(spec.name, family.find(spec.name, tmp_path))
    assert projections(backbone) == []  # its attention has no layers of that kind, and a parameter called proj
    method = registry.load("baselines", name)()
    if method.needs_text:
        check(backbone, method)
        return
    with pytest.raises(UsageError, match=f"^{name} .*Choose another backbone or method"):
        check(backbone, method)
