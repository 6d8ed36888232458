"""ResNets for small volumes, in three ways of making a 2D network three-dimensional, with random weights.

The networks that MedMNIST v2 publishes numbers of (Yang et al., Scientific Data 2023): ResNets with a 3 x 3 stem of
stride 1 and no pool behind it, whose 2D convolutions are replaced. Every convolution is strided along the depth as in
the plane, so that the "2_5d" one never sees seven of eight slices.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv3d, relu

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.features import Features, FeatureSpec

Way = Literal["2_5d", "3d", "acs"]
WIDTHS, STRIDES = (64, 128, 256, 512), (1, 2, 2, 2)


class AcsConv(nn.Module):
    """A 2D kernel on volumes: a third of its filters lies across each axis (ACS; Yang et al., IEEE JBHI 2021).

    Args:
        flat: Its weight (O, I, k, k), without a bias, is taken over.
    """

    def __init__(self, flat: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.stride, self.padding = flat.weight, flat.stride[0], int(flat.padding[0])
        third, more = divmod(len(flat.weight), 3)
        self.parts = [third + (axis < more) for axis in range(3)]

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, I, D, H, W) -> (B, O, D', H', W')."""
        kernels = self.weight.split(self.parts)
        return torch.cat([self._across(volumes, kernel, axis) for axis, kernel in enumerate(kernels)], dim=1)

    def _across(self, volumes: Tensor, kernel: Tensor, axis: int) -> Tensor:
        padding = [0 if own == axis else self.padding for own in range(3)]
        return conv3d(volumes, kernel.unsqueeze(2 + axis), stride=self.stride, padding=padding)


def convolution(way: Way, inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Module:
    """A convolution of volumes made of a 2D one with torch's own initialisation, without a bias.

    Args:
        side: Of the 2D kernel. "2_5d" gives it one slice, "3d" repeats it along the depth and divides it by the number
            of slices (as Carreira and Zisserman, CVPR 2017, do), "acs": see `AcsConv`.
    """
    flat = nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)
    if way == "acs" and side > 1:
        return AcsConv(flat)
    depth = side if way == "3d" else 1
    deep = nn.Conv3d(inputs, outputs, (depth, side, side), stride, (depth // 2, side // 2, side // 2), bias=False)
    with torch.no_grad():
        deep.weight.copy_(flat.weight.unsqueeze(2).expand_as(deep.weight) / depth)
    return deep


class Block(nn.Module):
    """A residual block: two 3 x 3 convolutions, or a bottleneck of 1 x 1, 3 x 3 and 1 x 1."""

    def __init__(self, way: Way, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        conv, outputs = partial(convolution, way), 4 * width if bottleneck else width
        plan = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        plan = plan if bottleneck else [(inputs, width, 3, stride), (width, width, 3, 1)]
        self.convs = nn.ModuleList([conv(*one) for one in plan])
        self.norms = nn.ModuleList([nn.BatchNorm3d(one[1]) for one in plan])
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm3d(outputs))

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, I, D, H, W) -> (B, O, D', H', W')."""
        found = volumes
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            found = norm(conv(relu(found) if number else found))
        return relu(found + self.shortcut(volumes))


class ResNet3D(Backbone):
    """A network of `Block`; tokens are the places of its last map, depth first, and pooled is their mean.

    Args:
        way: How it is three-dimensional.
        blocks: Of each of the four stages.
        bottleneck: The kind of block.
        shape: (C, D, H, W) of one input.
        seed: Of the weights.
    """

    model: Any

    def __init__(
        self, way: Way, blocks: tuple[int, ...], bottleneck: bool, info: WeightsInfo, shape: tuple[int, ...], seed: int
    ) -> None:
        super().__init__()
        self.info, self.input_shape = info, shape
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.model = _stages(way, blocks, bottleneck, shape[0])
        width = WIDTHS[-1] * (4 if bottleneck else 1)
        grid = tuple(-(-side // 8) for side in shape[1:])
        self.spec = FeatureSpec(width, width, grid, "cnn")
        self.eval()

    def forward(self, volumes: Tensor) -> Features:
        """Normalised volumes (B, C, D, H, W) to features."""
        final = self.model(volumes)
        return Features(final.flatten(2).transpose(1, 2), final.mean((2, 3, 4)))


def _stages(way: Way, blocks: tuple[int, ...], bottleneck: bool, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = [convolution(way, channels, WIDTHS[0], 3), nn.BatchNorm3d(WIDTHS[0]), nn.ReLU()]
    inputs = WIDTHS[0]
    for count, width, stride in zip(blocks, WIDTHS, STRIDES, strict=True):
        for number in range(count):
            layers.append(Block(way, inputs, width, stride if number == 0 else 1, bottleneck))
            inputs = width * (4 if bottleneck else 1)
    return nn.Sequential(*layers)
