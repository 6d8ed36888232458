"""What must not matter does not: the length of features, the order of classes and of keys; what must, is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference import REFERENCE, features_of, reference_spec, relative
from torch import Tensor, nn

from bench.baselines.ape import APE
from bench.baselines.ape_t import APET
from bench.baselines.attn_adapter import AttnAdapter
from bench.baselines.clap import CLAP
from bench.baselines.clip_adapter import ClipAdapter
from bench.baselines.cross_modal_probe import CrossModalProbe
from bench.baselines.gda import GDA
from bench.baselines.graph_adapter import GraphAdapter
from bench.baselines.lathadapter import LatHAdapter
from bench.baselines.lp_plus_plus import LPPlusPlus
from bench.baselines.meta_adapter import MetaAdapter
from bench.baselines.rla import RLA
from bench.baselines.sgva import SgVA
from bench.baselines.taskres import TaskRes
from bench.baselines.text_probe import TextProbe
from bench.baselines.tip_adapter import Cache, TipAdapter, cached, search, steps
from bench.baselines.tip_adapter_f import TipAdapterF
from bench.baselines.zero_shot import ZeroShot
from bench.core.errors import UsageError
from bench.methods import FeatureSplit, HeadSpec, Method
from bench.methods.text import unit
from bench.training.streams import reseed

QUERY = REFERENCE["in.query"]
RAW = replace(reference_spec(), support=lambda: FeatureSplit(10 * REFERENCE["in.keys"].numpy(), keys().y))
TRAINED = [TaskRes(), TextProbe(), CLAP(), TipAdapterF(), ClipAdapter(), LatHAdapter(), GraphAdapter(groups=1)]
TRAINED += [RLA(), CrossModalProbe(), APET(), MetaAdapter(), AttnAdapter(), SgVA()]
FITTED = [ZeroShot(), TipAdapter(), GDA(), LPPlusPlus(epochs=20), APE(alphas=3, betas=3, gammas=3)]


def keys() -> FeatureSplit:
    return reference_spec().support()


def head_of(method: Method, spec: HeadSpec) -> nn.Module:
    reseed(0, "init")
    return method.head(spec)


def stirred(head: nn.Module, order: Tensor) -> nn.Module:
    """The head with other weights than at its start; those that belong to classes are reordered with them."""
    generator = torch.Generator().manual_seed(1)
    for parameter in head.parameters():
        change = 0.05 * torch.randn(parameter.shape, generator=generator)
        parameter.data += change[order] if len(parameter) == len(order) else change
    return head


@pytest.mark.parametrize("method", TRAINED, ids=lambda method: method.plugin_name())
def test_the_order_of_classes_does_not_matter(method: Method) -> None:
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    new_label = order.argsort().numpy()
    train = RAW.support()
    other = replace(RAW, text=RAW.text[order], support=lambda: FeatureSplit(train.x, new_label[train.y]))
    plain = stirred(head_of(method, RAW), torch.arange(8))(features_of(QUERY))
    permuted = stirred(head_of(method, other), order)(features_of(QUERY))
    assert relative(permuted, plain[:, order]) < 1e-5


@pytest.mark.parametrize("method", FITTED, ids=lambda method: method.plugin_name())
def test_the_order_of_classes_does_not_matter_to_fitted_methods(method: object) -> None:
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    moved = FeatureSplit(keys().x, order.argsort().numpy()[keys().y])
    val = FeatureSplit(QUERY.numpy(), REFERENCE["in.query_labels"].numpy())
    moved_val = FeatureSplit(val.x, order.argsort().numpy()[val.y])
    plain = method.fit(keys(), val, RAW).predict(QUERY.numpy())
    permuted = method.fit(moved, moved_val, replace(RAW, text=RAW.text[order])).predict(QUERY.numpy())
    np.testing.assert_allclose(permuted, plain[:, order.numpy()], rtol=1e-5)


@pytest.mark.parametrize(
    "method", [TipAdapterF(), ClipAdapter(), LatHAdapter(), RLA(), CrossModalProbe()], ids=lambda m: m.plugin_name()
)
def test_the_length_of_image_and_text_features_does_not_matter(method: Method) -> None:
    long = replace(RAW, text=3 * RAW.text, support=lambda: FeatureSplit(7 * keys().x, keys().y))
    plain, other = (stirred(head_of(method, spec), torch.arange(8)) for spec in (RAW, long))
    assert relative(other(features_of(5 * QUERY)), plain(features_of(QUERY))) < 1e-5


@pytest.mark.parametrize("method", [TaskRes(), TextProbe(), CLAP(), GraphAdapter()], ids=lambda m: m.plugin_name())
def test_normalised_text_is_refused_where_its_length_counts(method: Method) -> None:
    with pytest.raises(UsageError, match=f"{method.plugin_name()} needs raw text features"):
        method.head(replace(RAW, text=unit(RAW.text).half()))


def test_graph_adapter_refuses_normalised_images_unless_told() -> None:
    spec = reference_spec()
    with pytest.raises(UsageError, match=r"needs raw image features.*unit_scaled"):
        GraphAdapter().head(spec)
    assert GraphAdapter(image_nodes="unit_scaled").head(spec).images.norm(dim=1).mean() > 5


@pytest.mark.parametrize("classes", [3, 6, 7])
def test_graph_adapter_takes_any_number_of_classes_and_width(classes: int) -> None:
    text = torch.randn(classes, 20, generator=torch.Generator().manual_seed(0)) * 3
    width = replace(RAW.features, pooled_dim=20)
    split = FeatureSplit(3 * np.random.default_rng(0).normal(size=(9, 20)).astype(np.float32), np.arange(9) % classes)
    head = GraphAdapter().head(HeadSpec(width, classes, text=text, support=lambda: split))
    assert head(features_of(torch.randn(5, 20))).isfinite().all()


def test_the_order_of_keys_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(32)
    moved = FeatureSplit(keys().x[order], keys().y[order])
    plain = TipAdapter(search=False).fit(keys(), None, RAW).predict(QUERY.numpy())
    np.testing.assert_allclose(TipAdapter(search=False).fit(moved, None, RAW).predict(QUERY.numpy()), plain, rtol=1e-5)


def test_methods_say_that_text_is_missing() -> None:
    with pytest.raises(UsageError, match="needs text features"):
        ClipAdapter().head(replace(RAW, text=None))
    with pytest.raises(UsageError, match=r"\(8, 256\), not \(8, 512\)"):
        ClipAdapter().head(replace(RAW, text=RAW.text[:, :256]))


def test_the_search_finds_what_trying_one_pair_at_a_time_finds() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 8, (200,), generator=generator)
    x = unit(RAW.text[labels] + 9 * torch.randn(200, 512, generator=generator))
    cache = Cache.of(keys(), RAW, unit(RAW.text), 100.0)
    alphas, betas = steps(30.0, 7), steps(7.0, 11)
    one_by_one = [
        (float((cache.logits(x, float(a), float(b)).argmax(1) == labels).double().mean()), float(a), float(b))
        for b in betas
        for a in alphas
    ]
    best = max(one_by_one, key=lambda found: found[0])  # the first of equals
    assert len({score for score, _, _ in one_by_one}) > 3
    assert search(cache, x, labels, alphas, betas) == (best[1], best[2], best[0])


def test_cache_logits_are_sums_over_keys() -> None:
    affinity = torch.tensor([[1.0, 0.5]])
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(cached(affinity, values, 2.0), torch.tensor([[1.0, float(np.exp(-1.0))]]))
