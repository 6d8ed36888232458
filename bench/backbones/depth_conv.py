"""2D convolutions that also see the slices around."""

from __future__ import annotations

from typing import Any, Literal

import torch
from timm.layers import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn

Kernel = Literal["mean", "centre"]


class Folded:
    """How many volumes the slices at hand belong to; set at the start of each forward pass."""

    batch = 1


class DepthConv2d(nn.Conv2d):
    """A convolution over ``taps`` slices, on slices (B * D, C, H, W) as a 2D model hands them on.

    It remains a `Conv2d` for methods that look for one: its taps count as input channels, those of one channel side by
    side. The first and last slice stand for what would lie beyond.

    Args:
        flat: The 2D convolution; its weights are spread over the taps.
        taps: Slices it sees, odd.
        kernel: "mean" spreads the weights evenly, "centre" puts them in the middle and zeros around.
        folded: Shared by the layers of a model.
    """

    def __init__(self, flat: nn.Conv2d, taps: int, kernel: Kernel, folded: Folded) -> None:
        super().__init__(**_arguments(flat, taps))
        self.taps, self.folded = taps, folded
        self.same = isinstance(flat, Conv2dSame)
        _spread(flat, self, taps, kernel)

    def forward(self, slices: Tensor) -> Tensor:
        """Slices (B * D, C, H, W) to slices (B * D, C', H', W')."""
        if self.same:
            slices = pad_same(slices, self.kernel_size, self.stride, self.dilation)  # type: ignore[arg-type]
        volumes = slices.unflatten(0, (self.folded.batch, -1)).transpose(1, 2)
        reach = self.taps // 2
        volumes = torch.cat([*[volumes[:, :, :1]] * reach, volumes, *[volumes[:, :, -1:]] * reach], dim=2)
        weight = self.weight.unflatten(1, (-1, self.taps))
        across = (0, *(int(side) for side in self.padding))
        seen = nn.functional.conv3d(
            volumes, weight, self.bias, (1, *self.stride), across, (1, *self.dilation), self.groups
        )
        return seen.transpose(1, 2).flatten(0, 1)


def grown(flat: nn.Conv2d, taps: int) -> nn.Conv2d:
    """A plain convolution over ``taps`` slices that come as channels, each slice having the same share."""
    made = nn.Conv2d(**_arguments(flat, taps))
    _spread(flat, made, taps, "mean")
    return made


def _arguments(flat: nn.Conv2d, taps: int) -> dict[str, Any]:
    names = ("out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    same = {name: getattr(flat, name) for name in names}
    kind = {"device": flat.weight.device, "dtype": flat.weight.dtype}
    return {"in_channels": flat.in_channels * taps, "bias": flat.bias is not None, **same, **kind}


@torch.no_grad()
def _spread(flat: nn.Conv2d, made: nn.Conv2d, taps: int, kernel: Kernel) -> None:
    """Fill a convolution with the weights of a 2D one, spread over its taps."""
    share = torch.full((taps,), 1 / taps) if kernel == "mean" else torch.eye(taps)[taps // 2]
    made.weight.copy_((flat.weight[:, :, None] * share.to(flat.weight)[:, None, None]).flatten(1, 2))
    if flat.bias is not None and made.bias is not None:
        made.bias.copy_(flat.bias)
