"""LatHAdapter: attribute prompts between categories and images, in hyperbolic space. From the abstract alone."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import Batch, HeadSpec, Method
from bench.methods.hyperbolic import distances, drawn_triplets, hierarchy_loss, riemannian, squared_distances, to_ball
from bench.methods.model import Model
from bench.methods.text import text_of, unit


class LatHAdapter(Method):
    """A reimplementation of LatHAdapter (arXiv 2508.11176) from its abstract; no code, table or constant was at hand.

    From the abstract: learnable attribute prompts lie between categories and images; all three are projected into
    hyperbolic space, where a hierarchical regulariser learns their latent hierarchy, so that one category goes with
    many kinds of images. From HIER (Kim et al., CVPR 2023), which its wording follows: curvature, clipping, the choice
    of ancestors, the hinges, the weight. Ours, each argued for in docs/lathadapter.md: attributes are vectors of the
    shared feature space, not prompts through a text encoder; one linear map takes images, categories and attributes to
    the ball; images and categories attend to attributes by distance there, and both move by the attributes' values,
    which are zero at the start, so that training starts at zero-shot; attributes are ancestors of images, and
    categories ancestors of attributes. Nothing depends on the classes' order, and new classes are scored alike.

    Ablations: ``weight=0`` has no regulariser, ``geometry=euclidean`` no curvature.
    """

    title = "LatHAdapter"
    needs_tokens = False
    mixes = False
    needs_text = True

    attributes: PositiveInt = Field(64, description="attribute prompts A")
    width: PositiveInt = Field(128, description="dimensions of the ball")
    geometry: Literal["hyperbolic", "euclidean"] = Field("hyperbolic", description="where distances are taken")
    weight: NonNegativeFloat = Field(0.5, description="of the hierarchical regulariser; 0: without it")
    temperature: PositiveFloat = Field(0.1, description="of the attention to attributes, on distances")
    curvature: PositiveFloat = Field(0.1, description="c of the ball")
    clip: PositiveFloat = Field(2.3, description="largest norm before the map to the ball")
    margin: PositiveFloat = Field(0.1, description="of the regulariser's hinges")
    neighbours: PositiveInt = Field(20, description="among which two points must count each other to be related")
    triplets: PositiveInt = Field(50, description="drawn for each anchor")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        return AttributeHead(unit(text_of(spec, self.plugin_name())), self)

    def extra_loss(self, model: Model, batch: Batch) -> Tensor | None:
        if not self.weight:
            return None
        assert isinstance(model.head, AttributeHead)
        return self.weight * model.head.regulariser(unit(batch.features.pooled), batch.targets)


class AttributeHead(nn.Module):
    """Cosines of images (B, d) and categories (C, d), both moved by the attributes that they attend to."""

    text: Tensor

    def __init__(self, text: Tensor, method: LatHAdapter) -> None:
        super().__init__()
        self.method, dim = method, text.shape[1]
        self.register_buffer("text", text, persistent=False)
        spread = torch.randn(method.attributes, dim, device=text.device) / dim**0.5
        self.attributes = nn.Parameter(unit(unit(text.mean(0)) + spread))
        self.values = nn.Parameter(torch.zeros(method.attributes, dim, device=text.device))
        self.project = nn.Linear(dim, method.width, bias=False)
        nn.init.orthogonal_(self.project.weight, gain=method.clip)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        attributes = self.points(self.attributes)
        images, categories = (self.moved(x, attributes) for x in (unit(features.pooled), self.text))
        return self.method.scale * images @ categories.T

    def moved(self, x: Tensor, attributes: Tensor) -> Tensor:
        """Unit vectors (n, d), moved by the values of the attributes near their points."""
        attention = (-self.distances(self.points(x), attributes) / self.method.temperature).softmax(1)
        return unit(x + attention @ self.values)

    def points(self, x: Tensor) -> Tensor:
        """Unit vectors (n, d) as points (n, width) of the geometry."""
        projected = self.project(x)
        if self.method.geometry == "euclidean":
            return projected
        c = self.method.curvature
        return riemannian(to_ball(projected, c, self.method.clip), c)

    def distances(self, x: Tensor, y: Tensor) -> Tensor:
        """Distances (n, m) of points."""
        if self.method.geometry == "euclidean":
            return (squared_distances(x, y) + torch.finfo(x.dtype).eps).sqrt()
        return distances(x, y, self.method.curvature)

    def regulariser(self, images: Tensor, labels: Tensor) -> Tensor:
        """HIER's loss of the batch's images below attributes, plus that of attributes below categories."""
        own, attributes, categories = (self.points(x) for x in (images, self.attributes, self.text))
        same = (labels.unsqueeze(1) == labels).to(own.dtype)
        return self._hierarchy(own, attributes, same) + self._hierarchy(attributes, categories, None)

    def _hierarchy(self, points: Tensor, ancestors: Tensor, same: Tensor | None) -> Tensor:
        """HIER's loss of points (n, width) below ancestors; `same` (n, n) adds 1 to the similarity of some pairs."""
        method = self.method
        similarity = torch.exp(-self.distances(points, points).detach())
        neighbours = min(method.neighbours, max(1, len(points) // 4))
        triplets = drawn_triplets(similarity if same is None else similarity + same, neighbours, method.triplets)
        if not triplets.shape[1]:
            return points.sum() * 0
        noise = -torch.rand(2, triplets.shape[1], len(ancestors), device=points.device).clamp(min=1e-20).log()
        gumbel = -noise.clamp(min=1e-20).log()
        return hierarchy_loss(self.distances(points, ancestors), triplets, method.margin, noise=gumbel)
