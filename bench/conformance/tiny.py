"""Tiny randomly initialised backbones, one of each kind that a method may meet, and a tiny data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import TimmBackbone

SIZE = 32
DEPTH = 8  # of volumes, a side
# a plain ViT, a CNN with layer norms whose final norm lives in the head, one with batch norms whose pooled width
# differs from that of its tokens, and windows of attention
ARCHITECTURES = {
    "vit": "test_vit",
    "cnn": "test_convnext",
    "batch_norm_cnn": "mobilenetv3_small_050",
    "hybrid": "swin_tiny_patch4_window7_224",
}
_HALF = (0.5, 0.5, 0.5)


def tiny_backbone(kind: str) -> TimmBackbone:
    """A backbone for images of 32 px: "vit", "cnn", "batch_norm_cnn" or "hybrid"; always the same weights."""
    arch = ARCHITECTURES[kind]
    info = WeightsInfo(arch, SIZE, _HALF, _HALF, digest=f"tiny:{arch}")
    return TimmBackbone(_model(kind), info, SIZE)


def tiny_weights(folder: Path, kind: str) -> str:
    """Write the weights of a tiny backbone below ``folder`` and return the name to use in a cell."""
    name = f"tiny_{kind}"
    facts = {
        "timm_arch": ARCHITECTURES[kind],
        "model_args": json.dumps({"num_classes": 0, **_size_of(kind)}),
        "input_size": json.dumps([3, SIZE, SIZE]),
        "mean": json.dumps(_HALF),
        "std": json.dumps(_HALF),
        "trained_on": "nothing (random)",
    }
    save_file(_model(kind).state_dict(), folder / f"{name}.safetensors", metadata=facts)
    return name


def tiny_images(folder: Path, name: str = "images", classes: int = 3, each: int = 10) -> str:
    """Write class folders of noise images to ``folder / name`` and return the data set to use in a cell."""
    rng = np.random.default_rng(0)
    for label in range(classes):
        place = folder / name / f"class{label}"
        place.mkdir(parents=True)
        for number in range(each):
            pixels = rng.integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{number}.png")
    return f"image_folder[path={name}]"


def tiny_volumes(folder: Path, name: str = "volumes", classes: int = 3, each: int = 10) -> str:
    """Write NIfTI files of noise and their list to ``folder / name`` and return the data set to use in a cell."""
    import nibabel as nib

    rng, place, lines = np.random.default_rng(0), folder / name, ["path,label"]
    place.mkdir()
    for number in range(classes * each):
        made = nib.Nifti1Image(rng.normal(size=(DEPTH,) * 3).astype(np.float32), np.eye(4))
        nib.save(made, place / f"{number}.nii")
        lines.append(f"{number}.nii,class{number % classes}")
    (place / "list.csv").write_text("\n".join(lines) + "\n")
    return f'nifti_folder[path="{name}/list.csv"]'


def _model(kind: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = timm.create_model(ARCHITECTURES[kind], num_classes=0, **_size_of(kind))
        _as_if_trained(model)
    return model


def _size_of(kind: str) -> dict[str, Any]:
    if kind == "hybrid":
        return {"img_size": SIZE, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
    return {"img_size": SIZE} if kind == "vit" else {}


@torch.no_grad()
def _as_if_trained(model: nn.Module) -> None:
    """Layer scales of 1e-6 would hide whole blocks, and statistics of 0 and 1 their own changes: draw both."""
    for name, value in model.state_dict().items():
        if name.endswith((".gamma", "running_var")):
            value.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            value.normal_(std=0.1)
