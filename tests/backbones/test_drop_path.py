"""Drop path: where timm has a place for it, by timm's own ramp, and only while training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import timm
import torch
from timm.layers import DropPath
from torch import nn

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


def test_residual_networks_hold_none_where_it_goes() -> None:
    model = timm.create_model("resnet10t", num_classes=0)
    set_drop_path(model, 0.3)  # type: ignore[arg-type]
    built = timm.create_model("resnet10t", num_classes=0, drop_path_rate=0.3)
    chances, expected = ([m.drop_prob for m in one.modules() if isinstance(m, DropPath)] for one in (model, built))
    assert chances[-1] == pytest.approx(0.3)
    assert chances == pytest.approx([chance for chance in expected if chance])


def test_a_backbone_without_blocks_is_refused() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 8, 3))
    plain.info = SimpleNamespace(arch="plain")  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"plain has no blocks.*Set drop_path=0"):
        set_drop_path(plain, 0.1)  # type: ignore[arg-type]
