"""Maps of four strides with one width, from whatever levels a backbone has: what decoders and detectors read."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from bench.backbones.features import Features, FeatureSpec
from bench.core.errors import UsageError


class MapNorm(nn.Module):
    """Layer norm over the channels of each place of a map (B, C, H, W)."""

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, elementwise_affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class SimplePyramid(nn.Module):
    """Four maps from the single one of a plain ViT (Li et al., ECCV 2022, section 3): strides 1/4, 1/2, 1 and 2 of it.

    Enlarged by transposed convolutions, reduced by max pooling; then a 1x1 and a 3x3 convolution, each with a norm.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        half, quarter = channels // 2, channels // 4
        twice = nn.ConvTranspose2d(channels, half, 2, 2)
        four_times = nn.Sequential(
            nn.ConvTranspose2d(channels, half, 2, 2), MapNorm(half), nn.GELU(), nn.ConvTranspose2d(half, quarter, 2, 2)
        )
        self.scales = nn.ModuleList([four_times, twice, nn.Identity(), nn.MaxPool2d(2, ceil_mode=True)])
        self.smooth = nn.ModuleList([_smooth(c, width) for c in (quarter, half, channels, channels)])

    def forward(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One map (B, C, h, w) to four (B, width, ...), finest first."""
        (only,) = levels
        return tuple(smooth(scale(only)) for scale, smooth in zip(self.scales, self.smooth, strict=True))


class TopDownPyramid(nn.Module):
    """A feature pyramid network (Lin et al., CVPR 2017) on the maps of a hierarchy, by torchvision.

    Maps are normalised over their channels first: backbones differ in scale by orders of magnitude.
    """

    def __init__(self, channels: list[int], width: int) -> None:
        from torchvision.ops import FeaturePyramidNetwork

        super().__init__()
        self.norms = nn.ModuleList([MapNorm(c, affine=False) for c in channels])
        self.network = FeaturePyramidNetwork(channels, width)

    def forward(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Maps (B, C_i, ...) to as many (B, width, ...)."""
        normed = (norm(level) for norm, level in zip(self.norms, levels, strict=True))
        named = OrderedDict((str(number), level) for number, level in enumerate(normed))
        return tuple(self.network(named).values())


class Pyramid(nn.Module):
    """Maps of one width from `Features`, finest first: at strides 4, 8, 16 and 32 of the usual backbones.

    Args:
        spec: Of a backbone that shows its levels.
        width: Channels of every map.

    Attributes:
        count: Number of maps.
    """

    def __init__(self, spec: FeatureSpec, width: int) -> None:
        super().__init__()
        channels = channels_of(spec)
        self.count = len(channels) if len(channels) > 1 else 4
        self.build = SimplePyramid(channels[0], width) if len(channels) == 1 else TopDownPyramid(channels, width)

    def forward(self, features: Features) -> tuple[Tensor, ...]:
        """Maps (B, width, H_i, W_i)."""
        assert features.levels is not None
        maps: tuple[Tensor, ...] = self.build(features.levels)
        return maps


def channels_of(spec: FeatureSpec) -> list[int]:
    """Widths of a backbone's levels, finest first.

    Raises:
        UsageError: It shows none.
    """
    if not spec.levels:
        raise UsageError("The backbone shows no maps (Features.levels), which this head needs. Choose another one.")
    return [channels for channels, _, _ in spec.levels]


def _smooth(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 1, bias=False), MapNorm(width),
        nn.Conv2d(width, width, 3, padding=1, bias=False), MapNorm(width),
    )  # fmt: skip
