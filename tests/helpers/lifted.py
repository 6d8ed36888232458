"""2D backbones to lift, with random weights that let no layer hide, and volumes."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.features import Features
from bench.backbones.timm_backbone import TimmBackbone

_HALF = (0.5, 0.5, 0.5)
# the architectures of the shipped weights: DeiT-Tiny, pico, lite0 and MobileNetV2, with one of each other kind
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "deit_tiny_patch16_224": {"img_size": 64},
    "convnext_atto": {},
    "tf_efficientnet_lite0": {},
    "mobilenetv2_100": {"pad_type": "same"},
    "resnet18": {},
    "mobilenetv3_small_050": {},
    "regnety_002": {},
    "vit_wee_patch16_reg1_gap_256": {"img_size": 64},
}
VITS = tuple(arch for arch in ARCHITECTURES if "patch16" in arch)
CNNS = tuple(arch for arch in ARCHITECTURES if "patch16" not in arch)


def backbone(arch: str, size: int = 64, **options: Any) -> TimmBackbone:
    """A 2D backbone without its classifier; always the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(arch, num_classes=0, **{**ARCHITECTURES.get(arch, {}), **options})
        shake(model)
    return TimmBackbone(model, WeightsInfo(arch, size, _HALF, _HALF, digest=f"random:{arch}"), size)


@torch.no_grad()
def shake(module: nn.Module) -> None:
    """Weights and statistics as after training: layer scales are not tiny, biases and positions are not 0."""
    for name, value in module.state_dict().items():
        if name.endswith((".gamma", "running_var")):
            value.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bias", "depth_position", "cls_token", "pos_embed")):
            value.add_(torch.randn_like(value) * 0.1)


def volumes(depth: int, size: int = 64, batch: int = 2, seed: int = 0) -> Tensor:
    """Random volumes (batch, 3, depth, size, size)."""
    return torch.randn(batch, 3, depth, size, size, generator=torch.Generator().manual_seed(seed))


def repeated(depth: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """Images (2, 3, size, size), and volumes that repeat each ``depth`` times."""
    images = volumes(1, size)[:, :, 0]
    return images, images[:, :, None].repeat(1, 1, depth, 1, 1)


def error(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


@torch.no_grad()
def exactness(lifted: Backbone, images: Tensor, repeats: Tensor, flat: Features) -> float:
    """How far features of repeated slices are from the slice's own, the tokens of every depth included."""
    found = lifted(repeats)
    depth = lifted.spec.grid[0]
    tokens = found.tokens.unflatten(1, (depth, -1))
    expected = flat.tokens[:, None].expand_as(tokens)
    return max(error(found.pooled, flat.pooled), error(tokens, expected))
