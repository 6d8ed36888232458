"""torchvision's video models as backbones: clips (B, 3, T, H, W) to tokens and the vector before the classifier."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.hub import load_state_dict_from_url
from torchvision.models import get_model

from bench.backbones.base import Backbone, probe
from bench.backbones.family import WeightsInfo
from bench.backbones.features import DepthOrder, Family, Features, FeatureSpec
from bench.backbones.folded import three_channels
from bench.core.errors import UsageError


class VideoBackbone(Backbone):
    """Base of the kinds of model; a kind says how to reach the last map or tokens, and how it pools them.

    Pools over the whole volume are means, since torch's adaptive 3D pools have no deterministic backward pass on CUDA.
    """

    family: ClassVar[Family]
    head: ClassVar[str]  # the classifier's module

    model: Any

    def __init__(self, model: nn.Module, info: WeightsInfo, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.model, self.info, self.input_shape = model, info, shape
        setattr(model, self.head, nn.Identity())
        self.depth_order: DepthOrder = "used"
        self.eval()
        features, grid = probe(self), self._grid()
        self.spec = FeatureSpec(features.tokens.shape[2], features.pooled.shape[1], grid, self.family)

    def forward(self, inputs: Tensor) -> Features:
        """Normalised clips (B, 1 or 3, T, H, W) to features."""
        final = self.final(three_channels(inputs))
        return Features(self.tokens(final), self.pooled(final))

    def final(self, clips: Tensor) -> Tensor:
        """The model's last map or tokens."""
        raise NotImplementedError

    def tokens(self, final: Tensor) -> Tensor:
        """(B, N, C), time first."""
        return final.flatten(2).transpose(1, 2)

    def pooled(self, final: Tensor) -> Tensor:
        """(B, C), as the model pools before its classifier."""
        return final.mean((2, 3, 4))

    @torch.no_grad()
    def _grid(self) -> tuple[int, ...]:
        return tuple(self.final(self.blank()).shape[2:])


class VideoResNet(VideoBackbone):
    """R3D, MC3 and R(2+1)D with 18 layers (Tran et al., CVPR 2018)."""

    family, head = "cnn", "fc"

    def final(self, clips: Tensor) -> Tensor:
        model = self.model
        return model.layer4(model.layer3(model.layer2(model.layer1(model.stem(clips)))))


class S3D(VideoBackbone):
    """S3D (Xie et al., ECCV 2018): it averages over windows of 2 x 7 x 7, then over their places."""

    family, head = "cnn", "classifier"

    def final(self, clips: Tensor) -> Tensor:
        return self.model.features(clips)

    def pooled(self, final: Tensor) -> Tensor:
        for window in (2, 7, 7):
            final = _mean_of_windows(final, window)
        return final


def _mean_of_windows(values: Tensor, window: int) -> Tensor:
    """(B, C, n, ...) to (B, C, ...): the mean over the third axis of the means over all windows on it."""
    places = values.unfold(2, window, 1)  # (B, C, places, ..., window)
    return places.mean(-1).mean(2)


class MViT(VideoBackbone):
    """MViT (Fan et al., ICCV 2021; Li et al., CVPR 2022): the pooled vector is the class token."""

    family, head = "hybrid", "head"

    def final(self, clips: Tensor) -> Tensor:
        return self._run(clips)[0]

    def tokens(self, final: Tensor) -> Tensor:
        return final[:, 1:]

    def pooled(self, final: Tensor) -> Tensor:
        return final[:, 0]

    def _run(self, clips: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Normed tokens (B, 1 + N, C) and their layout."""
        model = self.model
        tokens = model.pos_encoding(model.conv_proj(clips).flatten(2).transpose(1, 2))
        grid = (model.pos_encoding.temporal_size, *model.pos_encoding.spatial_size)
        for block in model.blocks:
            tokens, grid = block(tokens, grid)
        return model.norm(tokens), grid

    @torch.no_grad()
    def _grid(self) -> tuple[int, ...]:
        return tuple(self._run(self.blank())[1])


class Swin3D(VideoBackbone):
    """Video Swin (Liu et al., CVPR 2022)."""

    family, head = "hybrid", "head"

    def final(self, clips: Tensor) -> Tensor:
        model = self.model
        return model.norm(model.features(model.pos_drop(model.patch_embed(clips)))).permute(0, 4, 1, 2, 3)


_KINDS: dict[str, type[VideoBackbone]] = {
    "r3d": VideoResNet, "mc3": VideoResNet, "r2plus1d": VideoResNet, "s3d": S3D, "mvit": MViT, "swin3d": Swin3D,
}  # fmt: skip


def build(info: WeightsInfo, shape: tuple[int, ...], source: str | None) -> VideoBackbone:
    """Create a model and load its weights.

    Args:
        shape: (3, T, H, W) of one input.
        source: A file, or an address whose file name ends in the first digits of its sha256; None: random weights.

    Raises:
        UsageError: The weights cannot be had, or are of another model.
    """
    arch = info.arch.partition(".")[0]
    model = get_model(arch, weights=None)
    if source is not None:
        try:
            model.load_state_dict(_read(source))
        except (RuntimeError, OSError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UsageError(
                f"{info.arch}: cannot load {source} ({reason}). Put the hub's file, or your own weights of {arch} as "
                f"{info.arch}.pth, into the weights folder."
            ) from error
    return _KINDS[arch.partition("_")[0]](model, info, shape)


def _read(source: str) -> dict[str, Tensor]:
    if "://" in source:
        return load_state_dict_from_url(source, map_location="cpu", progress=False, check_hash=True, weights_only=True)
    return torch.load(source, map_location="cpu", weights_only=True)
