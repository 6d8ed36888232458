"""The family of timm's image models: embedded weights, files of a weights folder, and timm's hub by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt, model_validator

from bench.backbones.family import BackboneFamily, WeightsInfo
from bench.backbones.local import local_weights, metadata
from bench.core.errors import UsageError

if TYPE_CHECKING:
    from bench.backbones.base import Backbone


class Timm2D(BackboneFamily):
    """Any timm image model, by the name of a local file or by timm's own, such as vit_base_patch16_224.augreg_in21k."""

    title = "timm"
    words = {
        "name=lite0": "EfficientNet-Lite0",
        "name=deit_tiny": "DeiT-Tiny",
        "name=pico": "Pico",
        "lift=slices": "slice by slice",
        "lift=inflate": "inflated",
        "depth": "{} slices",
        "depth_stride": "depth stride {}",
    }
    fallback = True  # timm knows thousands of names, and finding out takes its import

    lift: Literal["slices", "inflate"] | None = Field(
        None, description="take volumes: slice by slice, or with layers that look along the depth; none: take images"
    )
    depth: PositiveInt = Field(28, description="slices of a volume; with lift")
    planes: Literal[1, 3] = Field(1, description="planes that lift=slices cuts")
    depth_stride: PositiveInt = Field(1, description="by how much lift=inflate makes the depth of features smaller")
    kernel: Literal["mean", "centre"] = Field("mean", description="how lift=inflate lets a CNN's kernels grow in depth")

    @model_validator(mode="after")
    def _fields_fit(self) -> Timm2D:
        owners = {"depth": ("slices", "inflate"), "planes": ("slices",)}
        for name in ("depth", "planes", "depth_stride", "kernel"):
            if name in self.changed() and self.lift not in owners.get(name, ("inflate",)):
                raise ValueError(f"{name} needs lift={' or lift='.join(owners.get(name, ('inflate',)))}")
        return self

    @classmethod
    def names(cls, folder: Path | None) -> dict[str, str]:
        """Embedded weights and those of the weights folder, from their headers."""
        return {name: _line(path) for name, path in local_weights(folder).items()}

    def find(self, name: str, folder: Path | None) -> WeightsInfo:
        from bench.backbones.weights import find

        return find(name, folder)

    def fetch(self, name: str, folder: Path | None) -> WeightsInfo:
        from bench.backbones.weights import ensure_here

        return ensure_here(name, folder)

    def input_shape(self, info: WeightsInfo) -> tuple[int, ...]:
        channels, *plane = super().input_shape(info)
        return (channels, *plane) if self.lift is None else (channels, self.depth, *plane)

    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        from bench.backbones.lift import lifted
        from bench.backbones.timm_backbone import build

        backbone = build(info, self.size, name, pretrained)
        if self.lift is None:
            return backbone
        return lifted(backbone, self.lift, self.depth, self.planes, self.depth_stride, self.kernel)


def _line(path: Path) -> str:
    try:
        meta = metadata(path)
    except UsageError as error:
        return f"unusable: {error}"
    size = meta.get("input_size", "").strip("[]").rpartition(",")[2].strip()
    return f"{meta.get('timm_arch', 'unknown architecture')}, {size or '?'} px, {meta.get('trained_on', '?')}"
