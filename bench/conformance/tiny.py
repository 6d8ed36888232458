"""Tiny randomly initialised backbones, one of each kind that a method may meet."""

from __future__ import annotations

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

from bench.backbones.base import WeightsInfo
from bench.backbones.timm2d import TimmBackbone

SIZE = 32
# a plain ViT, a CNN with layer norms whose final norm lives in the head, and a CNN with batch norms
ARCHITECTURES = {"vit": "test_vit", "cnn": "test_convnext", "batch_norm_cnn": "test_efficientnet"}
_HALF = (0.5, 0.5, 0.5)


def tiny_backbone(kind: str) -> TimmBackbone:
    """A backbone for images of 32 px: "vit", "cnn" or "batch_norm_cnn"; always the same weights."""
    arch = ARCHITECTURES[kind]
    info = WeightsInfo(arch, SIZE, _HALF, _HALF, digest=f"tiny:{arch}")
    return TimmBackbone(_model(kind), info, SIZE)


def tiny_weights(folder: Path, kind: str) -> str:
    """Write the weights of a tiny backbone below ``folder`` and return the name to use in a cell."""
    name = f"tiny_{kind}"
    facts = {
        "timm_arch": ARCHITECTURES[kind],
        "model_args": json.dumps({"num_classes": 0}),
        "input_size": json.dumps([3, SIZE, SIZE]),
        "mean": json.dumps(_HALF),
        "std": json.dumps(_HALF),
        "trained_on": "nothing (random)",
    }
    save_file(_model(kind).state_dict(), folder / f"{name}.safetensors", metadata=facts)
    return name


def _model(kind: str) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        options = {"img_size": SIZE} if kind == "vit" else {}
        return timm.create_model(ARCHITECTURES[kind], num_classes=0, **options)
