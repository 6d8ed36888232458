"""Singular values of weights and updates, as records keep them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.baselines.dora import DoRA
from bench.baselines.lora import LoRA
from bench.conformance.tiny import tiny_backbone
from bench.methods.spectrum import spectrum
from bench.plots.spectrum import effective_rank
from bench.records import Store


def test_a_low_rank_update_of_a_full_rank_weight_is_seen() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"backbone": nn.ModuleDict({"qkv": nn.Linear(8, 12), "norm": nn.LayerNorm(8)})})
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    added = torch.randn(12, 2) @ torch.randn(2, 8)
    with torch.no_grad():
        model.get_parameter("backbone.qkv.weight").add_(added)
    found = spectrum(model, start, list(start))
    assert set(found) == {"qkv weight", "qkv update"}
    weight = start["backbone.qkv.weight"].double().numpy()
    np.testing.assert_allclose(found["qkv weight"], np.sqrt(np.linalg.eigvalsh(weight.T @ weight)[::-1]), rtol=1e-5)
    assert effective_rank(found["qkv update"], 0.999999) == 2
    assert effective_rank(found["qkv weight"], 0.999999) > 2


def test_filters_are_matrices_and_three_of_many_are_kept() -> None:
    convolutions = nn.ModuleDict({f"conv{n}": nn.Conv2d(8, 8, 3, bias=False) for n in range(7)})
    start = {name: value.detach().clone() for name, value in convolutions.named_parameters()}
    found = spectrum(convolutions, start, list(start))
    assert list(found)[::2] == ["conv0 weight", "conv3 weight", "conv6 weight"]
    squares = float(start["conv0.weight"].square().sum())
    assert np.square(found["conv0 weight"]).sum() == pytest.approx(squares, rel=1e-4)
    assert not any(found["conv0 update"])


@pytest.mark.parametrize("method", [LoRA(rank=2), DoRA(rank=2)], ids=["lora", "dora"])
def test_updates_beside_a_weight_are_looked_at_whole(method: LoRA) -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"backbone": tiny_backbone("vit")})
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    method.inject(model["backbone"])  # type: ignore[arg-type]
    trained = [name for name in dict(model.named_parameters()) if "lora_" in name]
    assert not any(
        np.concatenate([v for name, v in spectrum(model, start, trained).items() if "update" in name]) > 1e-6
    )
    for name in trained:
        nn.init.normal_(model.get_parameter(name))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = spectrum(model, start, trained)
    assert len(found) == 2 * min(3, len(trained) // (3 if method.weight_decomposed else 2))
    ranks = [effective_rank(values, 0.999999) for name, values in found.items() if name.endswith("qkv update")]
    assert all(rank > 2 for rank in ranks) if method.weight_decomposed else ranks == [2] * len(ranks)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_records_keep_it_where_pre_trained_weights_were_trained(
    run_cells: Callable[..., object], tmp_path: Path
) -> None:
    run_cells(tmp_path, ["linear_probe", "full_finetune"])
    by_method = {record.method.name: record for record in Store(tmp_path).all()}
    assert "spectrum" not in by_method["linear_probe"].diagnostics.get("stage1", {})
    block = by_method["full_finetune"].diagnostics["stage1"]["spectrum"]
    assert any(name.endswith("qkv update") for name in block)
