"""Drop path: where timm has a place for it, by timm's own ramp, and only while training."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.layers import DropPath

from bench.backbones.drop_path import set_drop_path
from bench.backbones.weights import load
from bench.cells.notation import Spec
from bench.core.errors import UsageError


@pytest.mark.parametrize(("name", "arch"), [("deit_tiny", "deit_tiny_patch16_224"), ("pico", "convnext_atto")])
def test_the_chances_are_those_that_timm_builds(name: str, arch: str) -> None:
    backbone = load(Spec(name), None)
    set_drop_path(backbone, 0.3)
    built = timm.create_model(arch, drop_path_rate=0.3)
    chances, expected = (
        {key: m.drop_prob for key, m in model.named_modules() if isinstance(m, DropPath)}
        for model in (backbone.model, built)
    )
    assert chances.keys() == expected.keys()
    assert len(chances) > 8
    assert list(chances.values()) == pytest.approx(list(expected.values()), abs=1e-6)


def test_it_acts_in_training_only() -> None:
    backbone = load(Spec("deit_tiny", {"size": 32}), None)
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = backbone(images).pooled
    set_drop_path(backbone, 0.9)
    assert torch.equal(backbone.eval()(images).pooled, before)
    torch.manual_seed(0)
    assert not torch.equal(backbone.train()(images).pooled, before)


def test_a_backbone_without_blocks_is_refused(weights) -> None:  # type: ignore[no-untyped-def]
    backbone = load(Spec("tiny_batch_norm_cnn"), weights)
    if any(isinstance(m, DropPath) for m in backbone.modules()):
        pytest.skip("this architecture has drop path")
    with pytest.raises(UsageError, match="Set drop_path=0"):
        set_drop_path(backbone, 0.1)
