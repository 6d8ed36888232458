"""The methods against what their released modules computed (fixture): values to 1e-5, gradients to 1e-4, relative."""

from __future__ import annotations

from dataclasses import replace

import open_clip
import pytest
import torch
from reference import REFERENCE, features_of, reference_spec, relative
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.backbones.clip import ClipBackbone
from bench.backbones.family import WeightsInfo
from bench.baselines.clap import CLAP
from bench.baselines.clip_adapter import ClipAdapter
from bench.baselines.coop import PromptHead
from bench.baselines.graph_adapter import GraphAdapter, GraphHead
from bench.baselines.taskres import TaskRes
from bench.baselines.text_probe import TextProbe
from bench.baselines.tip_adapter import TipAdapter
from bench.baselines.tip_adapter_f import TipAdapterF
from bench.baselines.zero_shot import ZeroShot
from bench.methods.hyperbolic import distances, hierarchy_loss, riemannian, to_ball
from bench.methods.prompts import PromptTexts
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


def tiny_clip() -> ClipBackbone:
    """The random CLIP whose numbers the fixture holds: two text heads, QuickGELU."""
    state = {k.removeprefix("coop.clip."): v for k, v in REFERENCE.items() if k.startswith("coop.clip.")}
    vision = {"image_size": 32, "patch_size": 16, "width": 64, "layers": 2, "head_width": 64}
    text = {"context_length": 12, "vocab_size": 40, "width": 16, "heads": 2, "layers": 2}
    model = open_clip.model.CLIP(16, vision, text, quick_gelu=True)
    model.load_state_dict(state)
    info = WeightsInfo("tiny", 32, (0.5,) * 3, (0.5,) * 3)
    return ClipBackbone(model, info, 32, "{}", lambda texts: REFERENCE["coop.tokens"]).requires_grad_(False)


def test_coop_through_the_text_encoder() -> None:
    backbone = tiny_clip()
    head = PromptHead(
        PromptTexts(backbone.text_encoder(), REFERENCE["coop.tokens"], context=3),
        classes=None,
        scale=float(REFERENCE["coop.clip.logit_scale"].exp()),
    )
    head.ctx.data.copy_(REFERENCE["coop.ctx"])
    logits = head(backbone(REFERENCE["coop.image"]))
    cross_entropy(logits, torch.tensor([0, 2])).backward()
    assert relative(head.text(), REFERENCE["coop.text_features"]) < VALUE
    assert relative(logits, REFERENCE["coop.logits"]) < VALUE
    assert relative(head.ctx.grad, REFERENCE["coop.grad_ctx"]) < GRADIENT


def test_hier_in_the_ball() -> None:
    u = REFERENCE["hier.u"].clone().requires_grad_()
    points, ancestors = to_ball(u, 0.1, 2.3), to_ball(REFERENCE["hier.v"], 0.1, 2.3)
    apart = distances(riemannian(points, 0.1), ancestors, 0.1)
    apart.sum().backward()
    assert relative(points, REFERENCE["hier.z"]) < VALUE
    assert relative(apart, REFERENCE["hier.dist"]) < 3e-5  # theirs differs from the exact arccosh by 2e-5
    assert relative(u.grad, REFERENCE["hier.grad_u_riemannian"]) < GRADIENT
    found = hierarchy_loss(apart, REFERENCE["hier.triplets"])
    assert relative(found, REFERENCE["hier.hinge_noise_free"]) < 1e-4
