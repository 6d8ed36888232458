"""Heads that give a map of logits: what semantic segmentation takes as its plain heads."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate

from bench.backbones.features import Features
from bench.backbones.pyramid import MapNorm, Pyramid, channels_of
from bench.core import extras
from bench.core.errors import UsageError
from bench.tasks.base import HeadSpec

WIDTH = 256  # of the decoder's maps, as in SegFormer and ViTDet


class LinearMap(nn.Module):
    """A linear classifier at every place of the backbone's maps, each normalised over its channels.

    Logits of coarser maps are enlarged to the finest and added, which is one linear layer on all maps stacked.
    """

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__()
        channels = channels_of(spec.features)
        self.norms = nn.ModuleList([MapNorm(c, affine=False) for c in channels])
        self.layers = nn.ModuleList([nn.Conv2d(c, spec.outputs, 1) for c in channels])

    def forward(self, features: Features) -> Tensor:
        """Logits (B, outputs, h, w) of the finest map's size."""
        assert features.levels is not None
        parts = [f(norm(x)) for f, norm, x in zip(self.layers, self.norms, features.levels, strict=True)]
        finest, *coarser = parts
        for part in coarser:
            finest = finest + interpolate(part, finest.shape[2:], mode="bilinear", align_corners=False)
        return finest


class SegFormerHead(nn.Module):
    """SegFormer's decoder (Xie et al., NeurIPS 2021) by segmentation_models_pytorch, on levels or a pyramid of them.

    A hierarchy is read as it is; the single map of a plain ViT through a simple feature pyramid.
    """

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__()
        channels = channels_of(spec.features)
        self.pyramid: nn.Module | None = None
        if len(channels) == 1:
            self.pyramid, channels = Pyramid(spec.features, WIDTH), [WIDTH] * 4
        self.decoder = _decoder(channels)
        self.classifier = nn.Conv2d(WIDTH, spec.outputs, 1)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, outputs, h, w) of the finest map's size."""
        maps = features.levels if self.pyramid is None else self.pyramid(features)
        assert maps is not None, "the task asked for levels"
        height, width = maps[0].shape[2:]
        input_like = maps[0].new_empty(1, 1, 4 * height, 4 * width)  # the decoder reads its size alone
        return self.classifier(self.decoder([input_like, *maps]))


def _decoder(channels: list[int]) -> nn.Module:
    extras.check("segmentation_models_pytorch", "head=segformer")
    from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder

    if len(channels) < 3:
        raise UsageError(f"head=segformer needs three maps or more; this backbone has {len(channels)}. Leave it out.")
    return SegformerDecoder([3, *channels], encoder_depth=len(channels), segmentation_channels=WIDTH)
