"""What kind of backbone a timm model is, and where it attends."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from bench.backbones.attention import projections
from bench.backbones.family import WeightsInfo
from bench.backbones.features import FeatureSpec
from bench.backbones.timm_backbone import TimmBackbone
from bench.baselines.lora import LoRA

# architecture -> family, names of its projections, tokens' width, grid
KINDS = {
    "vit_tiny_patch16_224": ("vit", ["attn.qkv"], 192, (14, 14)),
    "deit_tiny_distilled_patch16_224": ("vit", ["attn.qkv"], 192, (14, 14)),
    "vit_base_patch16_siglip_224": ("vit", ["attn.qkv", "attn_pool.q", "attn_pool.kv"], 768, (14, 14)),
    "eva02_tiny_patch14_224": ("vit", ["attn.qkv"], 192, (16, 16)),
    "eva02_base_patch14_224": ("vit", ["attn.q_proj", "attn.k_proj", "attn.v_proj"], 768, (16, 16)),
    "swin_tiny_patch4_window7_224": ("hybrid", ["attn.qkv"], 768, (7, 7)),
    "swinv2_tiny_window8_256": ("hybrid", ["attn.qkv"], 768, (8, 8)),
    "mvitv2_tiny": ("hybrid", ["attn.qkv"], 768, (7, 7)),
    "mixer_s16_224": ("hybrid", [], 512, (14, 14)),
    "maxvit_tiny_rw_224": ("hybrid", ["attn.qkv"], 512, (7, 7)),
    "coatnet_0_rw_224": ("hybrid", ["attn.qkv"], 768, (7, 7)),
    "pvt_v2_b0": ("hybrid", ["attn.q", "attn.kv"], 256, (7, 7)),
    "mobilenetv4_hybrid_medium": ("hybrid", ["attn.query.proj", "attn.key.proj", "attn.value.proj"], 960, (8, 8)),
    "convnext_atto": ("cnn", [], 320, (7, 7)),
    "resnet18": ("cnn", [], 512, (7, 7)),
    "seresnet50": ("cnn", [], 2048, (7, 7)),
    "efficientnet_b0": ("cnn", [], 1280, (7, 7)),
    "mobilenetv2_100": ("cnn", [], 1280, (7, 7)),
}


def on_meta(arch: str) -> TimmBackbone:
    """A backbone without weights: shapes are computed, numbers are not."""
    with torch.device("meta"):
        model = timm.create_model(arch, num_classes=0)
    size = model.default_cfg["input_size"][-1]
    return TimmBackbone(model, WeightsInfo(arch, size, (0.5,) * 3, (0.5,) * 3), size)


@pytest.mark.parametrize("arch", KINDS)
def test_family_and_layout(arch: str) -> None:
    family, layers, width, grid = KINDS[arch]
    backbone = on_meta(arch)
    spec: FeatureSpec = backbone.spec
    assert (spec.family, spec.token_dim, spec.grid) == (family, width, grid)
    found = projections(backbone)
    assert all(isinstance(backbone.get_submodule(name), (nn.Linear, nn.Conv2d)) for name in found)
    assert all(name.endswith(tuple(layers)) for name in found)
    assert all(any(name.endswith(layer) for name in found) for layer in layers)


def swin() -> TimmBackbone:
    """A small Swin with random weights."""
    arch = "swin_tiny_patch4_window7_224"
    torch.manual_seed(0)
    model = timm.create_model(arch, num_classes=0, img_size=64, embed_dim=24, depths=(1, 1), num_heads=(2, 4))
    return TimmBackbone(model, WeightsInfo(arch, 64, (0.5,) * 3, (0.5,) * 3), 64)


def test_lora_on_windows_updates_the_attention_alone() -> None:
    backbone = swin()
    method = LoRA(rank=2)
    assert method.layers(backbone) == [f"model.layers.{n}.blocks.0.attn.qkv" for n in (0, 1)]
    linear = LoRA(targets="linear").layers(backbone)
    assert set(method.layers(backbone)) < set(linear)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before = backbone(images).pooled
    method.inject(backbone)
    added = {name: p for name, p in backbone.named_parameters() if "lora_" in name}
    # rank 2 on (width, 3 width) for widths 24 and 48
    assert sum(p.numel() for p in added.values()) == sum(2 * (width + 3 * width) for width in (24, 48))
    torch.testing.assert_close(backbone(images).pooled, before)
    backbone(images).pooled.sum().backward()
    assert all(p.grad is not None for p in added.values())  # they take part


def test_lora_without_attention_takes_all_linear_layers() -> None:
    for arch in ("mixer_s16_224", "convnext_atto"):
        backbone = on_meta(arch)
        assert LoRA().layers(backbone) == LoRA(targets="linear").layers(backbone) != []
