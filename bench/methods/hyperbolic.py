"""The Poincare ball of curvature -c, and the hierarchical regulariser that lives in it or in flat space."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

BALL = 1e-3  # points stay this far inside the ball, relative to its radius


def to_ball(u: Tensor, c: float, clip: float) -> Tensor:
    """Tangent vectors (..., d) at the origin, clipped to a norm, as points: ``tanh(sqrt(c)|u|) u / (sqrt(c)|u|)``.

    Clipping is that of Guo et al., CVPR 2022; the map is the exponential map at 0, projected to the ball's inside.
    """
    norm = u.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(u.dtype).tiny)
    u, norm = u * (clip / norm).clamp(max=1), norm.clamp(max=clip)
    root = c**0.5
    radius = (torch.tanh(root * norm) / root).clamp(max=(1 - BALL) / root)
    return radius * u / norm


def distances(x: Tensor, y: Tensor, c: float) -> Tensor:
    """Geodesic distances (n, m): ``arccosh(1 + 2c|x-y|^2 / ((1-c|x|^2)(1-c|y|^2))) / sqrt(c)``.

    Only (n, m) numbers are kept, never (n, m, d); the squared differences come from one product.
    """
    x2, y2 = x.square().sum(-1), y.square().sum(-1)
    gap = squared_distances(x, y)
    inside = 2 * c * gap / ((1 - c * x2).unsqueeze(-1) * (1 - c * y2))
    return torch.log1p(inside + (inside * (inside + 2)).clamp(min=torch.finfo(x.dtype).eps ** 2).sqrt()) / c**0.5


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """``|x - y|^2`` (n, m) without a tensor (n, m, d)."""
    return (x.square().sum(-1, keepdim=True) + y.square().sum(-1) - 2 * x @ y.T).clamp(min=0)


class _Riemannian(Function):
    """Hands points on, and scales their gradient by ``(1 - c|x|^2)^2 / 4``: the inverse of the ball's metric."""

    @staticmethod
    def forward(context: Any, x: Tensor, c: float) -> Tensor:
        context.save_for_backward(x)
        context.c = c
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        return gradients[0] * (1 - context.c * x.square().sum(-1, keepdim=True)).square() / 4, None


def riemannian(x: Tensor, c: float) -> Tensor:
    """Points of the ball whose gradient is the Riemannian one, as HIER's released code has it."""
    found: Tensor = _Riemannian.apply(x, c)
    return found


def hierarchy_loss(
    to_ancestors: Tensor, triplets: Tensor, margin: float = 0.1, tau: float = 0.1, noise: Tensor | None = None
) -> Tensor:
    """HIER's loss (Kim et al., CVPR 2023, eq. 4-6) from distances to candidate ancestors; mean over triplets.

    For each triplet (i, j, k), i and j related and k not, the lowest common ancestor of a set is the candidate whose
    largest distance to its members is smallest, drawn by a hard Gumbel softmax. Each hinge asks that i and j are nearer
    to their own ancestor than to that of all three, and k the other way round; where both are one, the loss is zero.

    Args:
        to_ancestors: (n, A) distances of points to ancestors.
        triplets: (3, T) indices of points.
        noise: (2, T, A) Gumbel noise of the two choices; None: none, so that the nearest is taken.
    """
    i, j, k = to_ancestors[triplets[0]], to_ancestors[triplets[1]], to_ancestors[triplets[2]]
    pair = torch.maximum(i, j)
    scores = torch.stack([-pair, -torch.maximum(pair, k)]) / tau
    near, far = chosen(scores if noise is None else scores + noise)
    hinges = (
        hinge((i * near).sum(1) - (i * far).sum(1), margin)
        + hinge((j * near).sum(1) - (j * far).sum(1), margin)
        + hinge((k * far).sum(1) - (k * near).sum(1), margin)
    )
    apart = near.argmax(1) != far.argmax(1)
    return (hinges * apart).mean()


def chosen(scores: Tensor) -> Tensor:
    """One-hot of the largest along the last axis, with the softmax's gradient (straight through)."""
    soft = scores.softmax(-1)
    hard = torch.zeros_like(soft).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)
    return hard + soft - soft.detach()


def hinge(x: Tensor, margin: float) -> Tensor:
    """``max(0, x + margin)``"""
    return (x + margin).relu()


@torch.no_grad()
def drawn_triplets(similarity: Tensor, neighbours: int, each: int) -> Tensor:
    """Triplets (3, T) of points: for each anchor, `each` pairs of a reciprocal neighbour and of a point that is none.

    The anchor itself is neither, unlike in the released code, where it may be its own negative. Anchors without a
    neighbour or without others have no triplet. Chance comes from torch's global generator.

    Args:
        similarity: (n, n), the larger the nearer.
        neighbours: Of each point, among which two must count each other.
    """
    n = len(similarity)
    itself = torch.eye(n, dtype=torch.bool, device=similarity.device)
    top = similarity.masked_fill(itself, -torch.inf).topk(min(neighbours, n - 1), dim=1).indices
    near = torch.zeros_like(itself).scatter_(1, top, True)
    near &= near.T.clone()
    others = ~near & ~itself
    anchors = (near.any(1) & others.any(1)).nonzero().squeeze(1)
    if not len(anchors):
        return torch.empty(3, 0, dtype=torch.long, device=similarity.device)
    positive = torch.multinomial(near[anchors].float(), each, replacement=True)
    negative = torch.multinomial(others[anchors].float(), each, replacement=True)
    return torch.stack([anchors.repeat_interleave(each), positive.flatten(), negative.flatten()])
