"""Routing diagnostics."""

from __future__ import annotations

import math

import numpy as np
import torch

from bench.backbones import Features
from bench.baselines.cladapter import CLAdapter, routing
from bench.conformance.tiny import tiny_backbone
from bench.methods import HeadSpec
from bench.methods.build import build_model


def test_numbers_by_hand() -> None:
    beta = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.2, 0.7, 0.1]])
    found = routing(beta, torch.tensor([0, 0, 4]))
    assert found["classes"] == [0, 4]
    np.testing.assert_allclose(found["beta"], [[0.75, 0.25, 0.0], [0.2, 0.7, 0.1]], atol=1e-6)
    expected = [-sum(p * math.log(p) for p in row if p) for row in ([0.75, 0.25], [0.2, 0.7, 0.1])]
    np.testing.assert_allclose(found["entropy"], expected, rtol=1e-6)
    assert found["centres_in_use"] == 2
    assert found["images"] == 3


def test_diagnose_gathers_all_batches() -> None:
    torch.manual_seed(0)
    method = CLAdapter(k=4, bottleneck=8)
    model = build_model(tiny_backbone("vit"), method, HeadSpec(tiny_backbone("vit").spec, 3)).eval()
    tokens, labels = torch.randn(6, 4, 64), torch.tensor([0, 1, 2, 0, 1, 2])
    batches = [(Features(tokens[i : i + 4], tokens[i : i + 4, 0]), labels[i : i + 4]) for i in (0, 4)]
    with torch.no_grad():
        found = method.diagnose(model, batches)["routing"]
        beta = model.head.attention(tokens)
    np.testing.assert_allclose(found["beta"], [beta[labels == c].mean(0).tolist() for c in range(3)], atol=1e-5)
    assert found["images"] == 6
