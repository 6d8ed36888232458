"""The family of timm's image models: embedded weights, files of a weights folder, and timm's hub by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.backbones.family import BackboneFamily, WeightsInfo
from bench.backbones.local import local_weights, metadata
from bench.core.errors import UsageError

if TYPE_CHECKING:
    from bench.backbones.base import Backbone


class Timm2D(BackboneFamily):
    """Any timm image model, by the name of a local file or by timm's own, such as vit_base_patch16_224.augreg_in21k."""

    fallback = True  # timm knows thousands of names, and finding out takes its import

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

    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        from bench.backbones.trunk import build

        return build(info, self.size, name, pretrained)


def _line(path: Path) -> str:
    try:
        meta = metadata(path)
    except UsageError as error:
        return f"unusable: {error}"
    size = meta.get("input_size", "").strip("[]").rpartition(",")[2].strip()
    return f"{meta.get('timm_arch', 'unknown architecture')}, {size or '?'} px, {meta.get('trained_on', '?')}"
