"""The family of torchvision's video models, with their Kinetics-400 weights. Imports neither torch nor torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, PositiveInt

from bench.backbones.family import BackboneFamily, WeightsInfo
from bench.backbones.local import file_digest
from bench.core.errors import UsageError

if TYPE_CHECKING:
    from bench.backbones.base import Backbone

_KINETICS = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
_GREY = ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HUB = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class _Model:
    """What torchvision and the papers say of one set of weights.

    Attributes:
        file: The hub's file name, which ends in the first digits of its sha256.
        scale: Mean and standard deviation of the input's channels.
        size, frames: The input that the weights were trained at.
        least: Fewest frames and pixels that the architecture takes.
        fixed: Whether it takes no other input than that one.
        top1: Accuracy on Kinetics-400 by torchvision's documentation, in percent.
    """

    file: str
    scale: tuple[tuple[float, ...], tuple[float, ...]]
    size: int
    frames: int
    top1: float
    least: tuple[int, int] = (1, 1)
    fixed: bool = False
    trained_on: str = "Kinetics-400"
    note: str = ""


_POOLS = "its max pools have no deterministic backward pass on CUDA"
_FROM_1K = "Kinetics-400, from weights trained on ImageNet-1k"
_FROM_22K = "Kinetics-400, from weights trained on ImageNet-22k"
_MODELS = {
    "r3d_18": _Model("r3d_18-b3b3357e.pth", _KINETICS, 112, 16, 63.2),
    "mc3_18": _Model("mc3_18-a90a0ba3.pth", _KINETICS, 112, 16, 63.96),
    "r2plus1d_18": _Model("r2plus1d_18-91a641e6.pth", _KINETICS, 112, 16, 67.463),
    "s3d": _Model("s3d-d76dad2f.pth", _KINETICS, 224, 16, 68.368, least=(14, 224), note=_POOLS),
    "mvit_v1_b": _Model("mvit_v1_b-dbeb1030.pth", _GREY, 224, 16, 78.477, fixed=True, note=_POOLS),
    "mvit_v2_s": _Model("mvit_v2_s-ae3be167.pth", _GREY, 224, 16, 80.757, fixed=True, note=_POOLS),
    "swin3d_t": _Model("swin3d_t-7615ae03.pth", _IMAGENET, 224, 16, 77.715, trained_on=_FROM_1K),
    "swin3d_s": _Model("swin3d_s-da41c237.pth", _IMAGENET, 224, 16, 79.521, trained_on=_FROM_1K),
    "swin3d_b": _Model("swin3d_b_1k-24f7c7c6.pth", _IMAGENET, 224, 16, 79.427, trained_on=_FROM_1K),
    "swin3d_b.in22k": _Model("swin3d_b_22k-7c6ae6fa.pth", _IMAGENET, 224, 16, 81.643, trained_on=_FROM_22K),
}


class Video(BackboneFamily):
    """torchvision's video models by name, on clips or volumes (3, views * frames, size, size).

    Weights come from ``NAME.pth`` or torchvision's own file in the weights folder, else from torchvision's hub.
    """

    title = "Video models"
    frames: PositiveInt | None = Field(None, description="frames or slices of a clip; none: those of the weights")
    views: PositiveInt = Field(
        1, description="clips of the input, one after the other; features are averaged over them"
    )

    @classmethod
    def names(cls, folder: Path | None) -> dict[str, str]:
        """All ten; each says its accuracy on Kinetics-400."""
        return {
            name: f"{model.frames} x {model.size} px, {model.trained_on}, top-1 {model.top1:.1f} %"
            for name, model in _MODELS.items()
        }

    def find(self, name: str, folder: Path | None) -> WeightsInfo:
        model = _MODELS[name]
        path = _local(name, model.file, folder)
        mean, std = model.scale
        return WeightsInfo(
            arch=name,
            size=model.size,
            mean=mean,
            std=std,
            interpolation="bilinear",
            trained_on=model.trained_on,
            file=str(path) if path else None,
            digest=file_digest(path) if path else f"hub:{_HUB}{model.file}",
            note=model.note,
        )

    def plain(self, name: str, folder: Path | None) -> Self:
        given = super().plain(name, folder)
        return given.model_copy(update={"frames": None}) if given.frames == _MODELS[name].frames else given

    def input_shape(self, info: WeightsInfo) -> tuple[int, ...]:
        """(3, views * frames, size, size).

        Raises:
            UsageError: The architecture does not take this input.
        """
        channels, frames, *plane = self._clip(info)
        return (channels, self.views * frames, *plane)

    def load(self, name: str, info: WeightsInfo, pretrained: bool = True) -> Backbone:
        from bench.backbones.video_models import build
        from bench.backbones.views import Views

        source = (info.file or _HUB + _MODELS[name].file) if pretrained else None
        backbone = build(info, self._clip(info), source)
        return backbone if self.views == 1 else Views(backbone, self.views)

    def _clip(self, info: WeightsInfo) -> tuple[int, ...]:
        """Shape of one clip."""
        model = _MODELS[info.arch]
        frames, size = self.frames or model.frames, self.size or model.size
        if model.fixed and (frames, size) != (model.frames, model.size):
            raise UsageError(f"{info.arch} takes {model.frames} frames of {model.size} px only. Leave frames and size.")
        if frames < model.least[0] or size < model.least[1]:
            least = f"{model.least[0]} frames of {model.least[1]} px"
            raise UsageError(f"{info.arch} needs at least {least}, not {frames} of {size} px. Raise frames or size.")
        return (3, frames, size, size)


def _local(name: str, hub_file: str, folder: Path | None) -> Path | None:
    """A file of the weights folder that holds the weights, or None.

    Raises:
        UsageError: A file with the hub's name has other bytes than that name promises.
    """
    if folder is None:
        return None
    own, published = folder / f"{name}.pth", folder / hub_file
    if own.is_file():
        return own
    if not published.is_file():
        return None
    promised = "sha256:" + published.stem.rpartition("-")[2]
    if not file_digest(published).startswith(promised):
        raise UsageError(f"{published} is damaged: its checksum does not begin with {promised}. Download it again.")
    return published
