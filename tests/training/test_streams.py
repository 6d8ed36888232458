"""Reseeding gives the streams of `torch.manual_seed`, without its cost."""

from __future__ import annotations

import pytest
import torch

from bench.training.streams import derive, generator, reseed


@pytest.mark.parametrize("axes", [("init",), ("augment", 0, 3, 17), ("dropout", 1, 2, 3)])
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_the_stream_is_that_of_manual_seed(seed: int, axes: tuple[int | str, ...]) -> None:
    torch.manual_seed(derive(seed, *axes))
    expected = [torch.rand(100), torch.randn(5), torch.randperm(10)]
    torch.rand(7)
    reseed(seed, *axes)
    for want, got in zip(expected, [torch.rand(100), torch.randn(5), torch.randperm(10)], strict=True):
        assert torch.equal(want, got)
    assert torch.initial_seed() == derive(seed, *axes)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_device_too() -> None:
    torch.manual_seed(derive(0, "x"))
    expected = torch.rand(10, device="cuda")
    reseed(0, "x")
    assert torch.equal(expected, torch.rand(10, device="cuda"))


def test_axes_do_not_collide() -> None:
    seeds = {derive(s, *axes) for s in (0, 1) for axes in (("a", 1), ("a", 11), ("b", 1), ("a", 1, 1), ("a/1",))}
    assert len(seeds) == 8  # "a/1" is ("a", 1): no axis in use holds a slash
    assert generator(0, "x").integers(2**40) == generator(0, "x").integers(2**40)
