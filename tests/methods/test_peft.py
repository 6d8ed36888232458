"""Adaptation methods against their released code, published counts and the frozen network."""

from __future__ import annotations

import pytest
import torch
from peft_cases import CASES, facts, ours, output, released, tensors


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-10), (torch.float32, 3e-6)], ids=["double", "single"])
def test_tokens_loss_and_gradients_are_those_of_the_released_code(name: str, dtype: torch.dtype, close: float) -> None:
    backbone, added = released(name)
    backbone.to(dtype)
    found = output(name, backbone)
    loss = (tensors(name)["input/probe"].to(dtype) * found).sum()
    loss.backward()
    expected = tensors(name)["output/tokens"]
    assert (found.double() - expected).abs().max() <= close
    wanted = ours(name, "grad", backbone)
    for key in added:
        gradient = backbone.get_parameter(key).grad
        assert gradient is not None, key
        assert (gradient.double() - wanted[key]).abs().max() <= close * wanted[key].abs().max(), key
    assert abs(loss.item() - tensors(name)["output/loss"].item()) <= close * found.numel()
    assert sum(backbone.get_parameter(key).numel() for key in added) == facts(name)["added_parameters"]
