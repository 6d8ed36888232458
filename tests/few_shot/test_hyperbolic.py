"""The Poincare ball against geoopt and numerical gradients; the regulariser's choices; its memory."""

from __future__ import annotations

import pytest
import torch
from reference import features_of, reference_spec
from torch import Tensor
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from bench.baselines.lathadapter import AttributeHead, LatHAdapter
from bench.methods.hyperbolic import distances, drawn_triplets, hierarchy_loss, riemannian, to_ball
from bench.methods.text import unit
from bench.training.streams import reseed

C, CLIP = 0.1, 2.3


def tangent(n: int, seed: int, size: float = 0.8) -> Tensor:
    return size * torch.randn(n, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_gradients() -> None:
    u, v = tangent(4, 0).requires_grad_(), tangent(3, 1).requires_grad_()
    assert gradcheck(lambda u: to_ball(u, C, CLIP), u)
    assert gradcheck(lambda u, v: distances(to_ball(u, C, CLIP), to_ball(v, C, CLIP), C), (u, v))


def test_equal_to_geoopt() -> None:
    geoopt = pytest.importorskip("geoopt")
    ball = geoopt.PoincareBall(c=torch.tensor(C, dtype=torch.float64))
    u, v = tangent(6, 0), tangent(4, 1)
    x, y = to_ball(u, C, CLIP), to_ball(v, C, CLIP)
    clipped = u * (CLIP / u.norm(dim=1, keepdim=True)).clamp(max=1)
    torch.testing.assert_close(x, ball.expmap0(clipped), rtol=1e-9, atol=0)
    torch.testing.assert_close(distances(x, y, C), ball.dist(x.unsqueeze(1), y), rtol=1e-9, atol=0)


def test_the_riemannian_gradient_is_geoopts() -> None:
    geoopt = pytest.importorskip("geoopt")
    x = to_ball(tangent(6, 0), C, CLIP).requires_grad_()
    weights = tangent(6, 5)
    (riemannian(x, C) * weights).sum().backward()
    torch.testing.assert_close(
        x.grad,
        geoopt.PoincareBall(c=torch.tensor(C, dtype=torch.float64)).egrad2rgrad(x.detach(), weights),
        rtol=1e-9,
        atol=0,
    )


def test_far_points_stay_inside_the_ball_and_near_points_have_a_distance() -> None:
    far = to_ball(1e6 * tangent(3, 0), C, clip=100.0)
    assert (C**0.5 * far.norm(dim=1) < 1).all()
    x = to_ball(tangent(3, 0), C, CLIP).requires_grad_()
    apart = distances(x, x, C)
    apart.sum().backward()
    assert float(apart.detach().diagonal().max()) < 1e-6
    assert x.grad.isfinite().all()


def test_the_hinges_vanish_where_both_ancestors_are_one() -> None:
    to_ancestors = torch.tensor([[0.0, 5.0], [0.0, 5.0], [0.1, 5.0]])
    assert float(hierarchy_loss(to_ancestors, torch.tensor([[0], [1], [2]]))) == 0


def test_the_hinges_by_hand() -> None:
    """Ancestor 0 is near i and j, ancestor 1 in the middle: the pair's is 0, that of all three 1."""
    to_ancestors = torch.tensor([[0.5, 1.0], [0.6, 1.0], [3.0, 1.2]])
    wrong = torch.tensor([[1.0, 1.04], [1.0, 1.04], [2.0, 1.05]])
    triplet = torch.tensor([[0], [1], [2]])
    assert float(hierarchy_loss(to_ancestors, triplet)) == 0
    assert float(hierarchy_loss(wrong, triplet)) == pytest.approx(0.06 + 0.06 + 0, abs=1e-6)


def test_triplets_are_of_reciprocal_neighbours_and_never_of_the_anchor_itself() -> None:
    position = torch.tensor([0.0, 0.1, 0.2, 5.0, 5.1, 9.0])
    similarity = torch.exp(-(position.unsqueeze(1) - position).abs())
    torch.manual_seed(0)
    anchor, positive, negative = drawn_triplets(similarity, neighbours=1, each=200)
    pairs = set(zip(anchor.tolist(), positive.tolist(), strict=True))
    assert pairs == {(0, 1), (1, 0), (3, 4), (4, 3)} or pairs == {(1, 2), (2, 1), (3, 4), (4, 3)}
    assert not (anchor == negative).any()
    assert not (positive == negative).any()


def test_without_neighbours_or_others_there_is_no_triplet() -> None:
    assert drawn_triplets(torch.ones(1, 1), 1, 5).shape == (3, 0)
    assert drawn_triplets(torch.ones(2, 2), 5, 5).shape == (3, 0)


class Largest(TorchDispatchMode):
    """The most numbers that any operation has given."""

    size = 0

    def __torch_dispatch__(
        self, function: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        found = function(*args, **(kwargs or {}))
        if isinstance(found, Tensor):
            self.size = max(self.size, found.numel())
        return found


def test_memory_grows_with_images_times_classes_and_no_more() -> None:
    """B x C x d would be 64 x 500 x 512 = 16 million numbers."""
    images, classes, width = 64, 500, 512
    method = LatHAdapter(attributes=16, triplets=4)
    reseed(0, "init")
    head = AttributeHead(unit(torch.randn(classes, width)), method)
    x = unit(torch.randn(images, width))
    with Largest() as seen:
        loss = head(features_of(x)).sum() + head.regulariser(x, torch.arange(images) % 8)
        loss.backward()
    triplets = images * method.triplets
    assert seen.size <= max(images * classes, classes * width, 2 * triplets * max(method.attributes, images))


@pytest.mark.parametrize("geometry", ["hyperbolic", "euclidean"])
def test_lathadapter_starts_at_zero_shot_and_everything_it_has_learns(geometry: str) -> None:
    spec = reference_spec()
    reseed(0, "init")
    head = LatHAdapter(geometry=geometry).head(spec)
    x = spec.support()
    images = torch.from_numpy(x.x)
    torch.testing.assert_close(head(features_of(images)), 100 * unit(images) @ unit(spec.text).T)
    labels = torch.from_numpy(x.y)
    head.values.data.normal_(std=0.1)
    loss = torch.nn.functional.cross_entropy(head(features_of(images)), labels) + head.regulariser(unit(images), labels)
    loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in head.parameters())
