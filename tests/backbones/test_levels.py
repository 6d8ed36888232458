"""Maps of backbones: strides, the tokens as the coarsest one, and pyramids of one width."""

from __future__ import annotations

import copy

import pytest
import timm
import torch

from bench.backbones.family import WeightsInfo
from bench.backbones.pyramid import Pyramid
from bench.backbones.timm_backbone import TimmBackbone, build
from bench.core.errors import UsageError
from bench.features.feature_cache import CachedFeatures

HALF = (0.5, 0.5, 0.5)
STRIDES = {
    "vit_tiny_patch16_224": (16,),
    "swin_tiny_patch4_window7_224": (4, 8, 16, 32),
    "tf_efficientnet_lite0": (4, 8, 16, 32),
    "convnext_atto": (4, 8, 16, 32),
    "samvit_base_patch16": (16,),
}
SMALL = {"samvit_base_patch16": dict(img_size=64, embed_dim=48, depth=2, num_heads=2, global_attn_indexes=(1,))}


def backbone_of(arch: str) -> TimmBackbone:
    size = 224 if "224" in arch else 64
    info = WeightsInfo(arch, size, HALF, HALF, model_args=SMALL.get(arch, {}))
    torch.manual_seed(0)
    return build(info, None, arch, pretrained=False)


@pytest.mark.parametrize("arch", STRIDES)
def test_levels_have_the_usual_strides_and_change_nothing_else(arch: str) -> None:
    backbone = backbone_of(arch)
    images = torch.randn(2, *backbone.input_shape)
    with torch.no_grad():
        before = backbone(images)
        assert before.levels is None
        backbone.show_levels()
        after = backbone(images)
    assert torch.equal(before.tokens, after.tokens)
    assert torch.equal(before.pooled, after.pooled)
    assert after.levels is not None
    sizes = [tuple(level.shape[1:]) for level in after.levels]
    assert sizes == list(backbone.spec.levels)
    assert tuple(backbone.input_shape[1] // height for _, height, _ in sizes) == STRIDES[arch]
    assert torch.equal(after.levels[-1].flatten(2).transpose(1, 2), after.tokens)


def test_finer_levels_are_timms() -> None:
    backbone = backbone_of("convnext_atto")
    backbone.show_levels()
    features = timm.create_model("convnext_atto", features_only=True, pretrained=False).eval()
    own = {name.replace(".", "_"): value for name, value in backbone.model.state_dict().items()}
    theirs = features.state_dict()
    features.load_state_dict({name: own[name.replace(".", "_")] for name in theirs})
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for level, expected in zip(backbone(images).levels, features(images), strict=True):
            torch.testing.assert_close(level, expected)


@pytest.mark.parametrize("arch", ["vit_tiny_patch16_224", "tf_efficientnet_lite0"])
def test_pyramids_have_four_maps_of_one_width(arch: str) -> None:
    backbone = backbone_of(arch)
    backbone.show_levels()
    pyramid = Pyramid(backbone.spec, 8)
    with torch.no_grad():
        maps = pyramid(backbone(torch.randn(1, *backbone.input_shape)))
    side = backbone.input_shape[1]
    assert [tuple(x.shape[1:]) for x in maps] == [(8, -(-side // s), -(-side // s)) for s in (4, 8, 16, 32)]
    assert pyramid.count == len(maps)


def test_kept_levels_are_the_live_ones() -> None:
    backbone = backbone_of("convnext_atto")
    backbone.show_levels()
    with torch.no_grad():
        live = backbone(torch.randn(3, 3, 64, 64))
    assert live.levels is not None
    finer = tuple(level.numpy() for level in live.levels[:-1])
    cached = CachedFeatures(live.pooled.numpy(), live.tokens.numpy(), backbone.spec, finer)
    kept = cached.batch(slice(0, 3), torch.device("cpu"))
    assert kept.levels is not None
    assert all(torch.equal(a, b) for a, b in zip(kept.levels, live.levels, strict=True))


def test_changed_tokens_become_the_coarsest_map() -> None:
    backbone = backbone_of("convnext_atto")
    backbone.show_levels()
    with torch.no_grad():
        features = backbone(torch.randn(1, 3, 64, 64))
    changed = features.with_tokens(features.tokens * 2, backbone.spec.grid)
    assert torch.equal(changed.levels[-1], features.levels[-1] * 2)  # type: ignore[index]
    assert torch.equal(changed.levels[0], features.levels[0])  # type: ignore[index]
    assert torch.equal(changed.pooled, (features.tokens * 2).mean(1))


def test_a_backbone_without_maps_says_so() -> None:
    backbone = copy.deepcopy(backbone_of("convnext_atto"))
    with pytest.raises(UsageError, match="shows no maps"):
        Pyramid(backbone.spec, 8)
