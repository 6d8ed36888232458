"""The methods against what their released modules computed (fixture): values to 1e-5, gradients to 1e-4, relative."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from reference import REFERENCE, features_of, reference_spec, relative
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.baselines.clap import CLAP
from bench.baselines.clip_adapter import ClipAdapter
from bench.baselines.graph_adapter import GraphHead, GraphAdapter
from bench.baselines.taskres import TaskRes
from bench.baselines.text_probe import TextProbe
from bench.baselines.tip_adapter import TipAdapter
from bench.baselines.tip_adapter_f import TipAdapterF
from bench.baselines.zero_shot import ZeroShot
from bench.methods.text import unit

VALUE, GRADIENT = 1e-5, 1e-4
LABELS = REFERENCE["in.query_labels"]
QUERY = features_of(REFERENCE["in.query"])


def loss_of(head: torch.nn.Module) -> Tensor:
    return cross_entropy(head(QUERY), LABELS)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 5.5), (3.0, 1.0)])
def test_tip_adapter_and_its_trained_form_before_training(alpha: float, beta: float) -> None:
    expected = REFERENCE[f"tip.logits.a{alpha}.b{beta}"]
    spec = reference_spec()
    fitted = TipAdapter(alpha=alpha, beta=beta).fit(spec.support(), None, spec)
    assert relative(torch.from_numpy(fitted.predict(REFERENCE["in.query"].numpy())), expected) < VALUE
    assert relative(TipAdapterF(alpha=alpha, beta=beta).head(spec)(QUERY), expected) < VALUE


def test_clip_adapter() -> None:
    head = ClipAdapter().head(reference_spec())
    head.load_state_dict({k.removeprefix("clipadapter."): v for k, v in REFERENCE.items() if "adapter.fc." in k})
    loss = loss_of(head)
    loss.backward()
    assert relative(head(QUERY), REFERENCE["clipadapter.logits"]) < VALUE
    assert relative(loss, REFERENCE["clipadapter.loss"]) < VALUE
    assert relative(head.fc[2].weight.grad, REFERENCE["clipadapter.grad.fc.2"]) < GRADIENT


def test_taskres() -> None:
    head = TaskRes().head(reference_spec())
    head.residual.data.copy_(REFERENCE["taskres.residual"])
    loss_of(head).backward()
    assert relative(head(QUERY), REFERENCE["taskres.logits"]) < VALUE
    assert relative(head.residual.grad, REFERENCE["taskres.grad"]) < GRADIENT


def test_clap() -> None:
    head = CLAP().head(reference_spec())
    assert relative(head.multipliers, REFERENCE["clap.multipliers"]) < VALUE
    head.prototypes.data.copy_(REFERENCE["clap.prototypes"])
    loss = loss_of(head) + head.penalty()
    loss.backward()
    assert relative(head.penalty(), REFERENCE["clap.penalty"]) < VALUE
    assert relative(loss, REFERENCE["clap.loss"]) < VALUE
    assert relative(head.prototypes.grad, REFERENCE["clap.grad"]) < GRADIENT


def test_graph_adapter() -> None:
    method = GraphAdapter(beta=float(REFERENCE["graph.beta"]))
    head = GraphHead(REFERENCE["in.text_raw"], REFERENCE["graph.image_nodes"], method)
    for graph, name in ((head.text_graph, "tt"), (head.image_graph, "it")):
        graph.weights.data.copy_(REFERENCE[f"graph.GCN_{name}.gcn_weights"])
        graph.bias.data.copy_(REFERENCE[f"graph.GCN_{name}.gcn_bias"])
    loss_of(head).backward()
    assert relative(head.refined(), REFERENCE["graph.text_out"]) < VALUE
    assert relative(head(QUERY), REFERENCE["graph.logits"]) < VALUE
    assert relative(head.text_graph.weights.grad, REFERENCE["graph.grad.tt.weights"]) < GRADIENT


@pytest.mark.parametrize("method", [TaskRes(), TextProbe(), CLAP(), TipAdapterF(alpha=0.0), ClipAdapter(ratio=0.0)])
def test_what_starts_at_zero_shot_does(method: object) -> None:
    spec = reference_spec()
    expected = ZeroShot().fit(spec.support(), None, spec).predict(REFERENCE["in.query"].numpy())
    assert relative(method.head(spec)(QUERY), torch.from_numpy(expected)) < VALUE


def test_zero_shot_is_the_scaled_cosine() -> None:
    spec = reference_spec()
    found = (
        ZeroShot().fit(spec.support(), None, replace(spec, text=3 * spec.text)).predict(REFERENCE["in.query"].numpy())
    )
    expected = 100 * unit(REFERENCE["in.query"]) @ unit(REFERENCE["in.text_raw"]).T
    assert relative(torch.from_numpy(found), expected) < VALUE
