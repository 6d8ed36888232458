"""The embedded ImageNet backbones: what is stored, what is said of it, and that it is the weights it was made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench.backbones.local import metadata
from bench.backbones.weights import find, load
from bench.cells.notation import Spec
from bench.core.shipped import ASSETS
from bench.data.audit.overlap import overlap
from bench.plugins import registry

SOURCES = {
    "lite0": "efficientnet_lite0.imagenet1k.safetensors",
    "deit_tiny": "deit_tiny_patch16_224.imagenet1k.safetensors",
}


@pytest.mark.parametrize(("name", "family", "width"), [("lite0", "cnn", 1280), ("deit_tiny", "vit", 192)])
def test_it_loads_without_a_weights_folder_and_computes_in_float32(name: str, family: str, width: int) -> None:
    backbone = load(Spec(name, {"size": 64}), None)
    assert (backbone.spec.family, backbone.spec.pooled_dim) == (family, width)
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}
    with torch.no_grad():
        pooled = backbone(torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))).pooled
    assert pooled.std() > 0
    assert torch.isfinite(pooled).all()


@pytest.mark.parametrize("name", SOURCES)
def test_matrices_are_float16_and_vectors_are_not(name: str) -> None:
    for key, value in load_file(ASSETS / f"{name}.safetensors").items():
        if value.is_floating_point():
            assert value.dtype == (torch.float16 if value.ndim > 1 else torch.float32), key


@pytest.mark.parametrize("name", SOURCES)
def test_it_says_where_it_comes_from_and_overlaps_are_seen(name: str) -> None:
    facts = metadata(ASSETS / f"{name}.safetensors")
    assert "Apache-2.0" in facts["licence"]
    assert facts["origin"]
    assert name in (ASSETS / "NOTICE.txt").read_text()
    assert "ImageNet" in overlap(registry.load("datasets", "tiny_imagenet")(), find(name, None).trained_on)
    assert overlap(registry.load("datasets", "digits")(), find(name, None).trained_on) == ""


@pytest.mark.realdata
@pytest.mark.parametrize("name", SOURCES)
def test_it_holds_the_weights_it_was_made_from_up_to_rounding(name: str) -> None:
    folder = os.environ.get("BENCH_WEIGHTS")
    if not folder or not (Path(folder) / SOURCES[name]).exists():
        pytest.skip(f"BENCH_WEIGHTS has no {SOURCES[name]}")
    given, kept = load_file(Path(folder) / SOURCES[name]), load_file(ASSETS / f"{name}.safetensors")
    assert given.keys() == kept.keys()
    for key, value in given.items():
        # half a unit in the last of float16's 11 bits, and its smallest step near zero
        torch.testing.assert_close(kept[key].double(), value.double(), rtol=2**-11, atol=2**-24, msg=key)
