"""The published networks of small volumes: what their convolutions are, and which slices they see."""

from __future__ import annotations

import pytest
import torch
from lifted import error
from torch import nn

from bench.backbones.base import Backbone
from bench.backbones.resnet3d import AcsConv, convolution
from bench.backbones.weights import load
from bench.cells.notation import Spec

MILLIONS = {"resnet18_2_5d": 11.168, "resnet18_3d": 33.140, "resnet18_acs": 11.168, "resnet50_acs": 23.500}


def network(name: str, side: int = 28, **fields: int) -> Backbone:
    return load(Spec(name, {"size": side, "depth": side, **fields}), None)


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters_are_those_of_the_2d_network_or_its_inflated_copy(name: str) -> None:
    """11.17 and 23.5 million are ResNet-18 and -50 for small images; cubic kernels triple the 3 x 3 ones."""
    made = network(name, 16)
    assert sum(value.numel() for value in made.parameters()) / 1e6 == pytest.approx(MILLIONS[name], abs=1e-3)
    assert made.spec.grid == (2, 2, 2)
    with torch.no_grad():
        features = made(made.blank(2))
    assert features.tokens.shape == (2, made.spec.tokens, made.spec.token_dim)


def slices_seen(name: str) -> list[int]:
    """Slices of 28 that the pooled vector depends on."""
    made = network(name)
    given = torch.rand(1, *made.input_shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    made(given).pooled.square().sum().backward()
    assert given.grad is not None
    return given.grad.abs().amax(dim=(0, 1, 3, 4)).nonzero().flatten().tolist()


def test_the_2_5d_network_sees_one_slice_of_eight() -> None:
    assert slices_seen("resnet18_2_5d") == [0, 8, 16, 24]


@pytest.mark.parametrize("name", ["resnet18_3d", "resnet18_acs"])
def test_every_slice_receives_gradient(name: str) -> None:
    assert slices_seen(name) == list(range(28))


def test_cubic_kernels_give_a_repeated_slice_its_2d_result() -> None:
    """Away from the edges in depth, where zeros are added."""
    torch.manual_seed(0)
    deep = convolution("3d", 2, 5, 3)
    image = torch.randn(1, 2, 7, 6)
    assert isinstance(deep, nn.Conv3d)
    with torch.no_grad():
        flat = nn.functional.conv2d(image, deep.weight.sum(2), padding=1)
        found = deep(image.unsqueeze(2).repeat(1, 1, 5, 1, 1))
    assert error(found[:, :, 2], flat) < 1e-5


def test_acs_looks_across_each_axis_with_a_third_of_its_filters() -> None:
    torch.manual_seed(0)
    flat = nn.Conv2d(2, 8, 3, padding=1, bias=False)
    made, volume = AcsConv(flat), torch.randn(1, 2, 5, 6, 7)
    with torch.no_grad():
        found = made(volume)
        for axis, rows in enumerate((slice(0, 3), slice(3, 6), slice(6, 8))):
            planes = volume.movedim(2 + axis, 1).flatten(0, 1)  # an image for each place along the axis
            expected = nn.functional.conv2d(planes, flat.weight[rows], padding=1)
            assert error(found[:, rows].movedim(2 + axis, 1).flatten(0, 1), expected) < 1e-5


def test_weights_follow_from_their_seed_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (
        network("resnet18_acs", 8),
        network("resnet18_acs", 8),
        network("resnet18_acs", 8, weights_seed=1),
    )
    assert torch.equal(torch.get_rng_state(), before)
    states = [made.state_dict() for made in (one, same, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not torch.equal(states[0]["model.0.weight"], states[2]["model.0.weight"])
