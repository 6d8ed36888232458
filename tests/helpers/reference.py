"""The fixture of numbers that released few-shot modules computed, and the inputs they were computed on."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.backbones import Features, FeatureSpec
from bench.tasks.base import FeatureSplit, HeadSpec

_FIXTURES = Path(__file__).parents[1] / "fixtures"
REFERENCE: dict[str, Tensor] = load_file(_FIXTURES / "vlm_reference.safetensors")
# Of related methods: 6 classes, 32 dimensions, 4 keys a class; computed in float64, stored in float32. Its inputs share
# names with those of the other file and have other shapes.
RELATED: dict[str, Tensor] = load_file(_FIXTURES / "vlm_reference2.safetensors")


def reference_spec() -> HeadSpec:
    """8 classes, raw text features and 4 keys a class, all of width 512."""
    text = REFERENCE["in.text_raw"]
    split = FeatureSplit(REFERENCE["in.keys"].numpy(), REFERENCE["in.key_labels"].numpy())
    spec = FeatureSpec(token_dim=text.shape[1], pooled_dim=text.shape[1], grid=(1,), family="vit")
    return HeadSpec(spec, len(text), text=text, support=lambda: split)


def features_of(pooled: Tensor) -> Features:
    """Pooled features alone, as the feature bank gives them."""
    return Features(torch.empty(len(pooled), 0, pooled.shape[1]), pooled)


def relative(found: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest expected magnitude."""
    return float((found.detach() - expected.detach()).abs().max() / expected.detach().abs().max())
