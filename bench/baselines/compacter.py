"""Compacter: adapters whose matrices are sums of Kronecker products with one set of small matrices for the model."""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.blocks import Seams, adapt_blocks


class Rule(nn.Module):
    """The n matrices (n, n) that all layers share."""

    def __init__(self, terms: int) -> None:
        super().__init__()
        self.matrices = nn.Parameter(1e-4 * torch.randn(terms, terms, terms))


class KroneckerLinear(nn.Module):
    """``x W + b`` with ``W = sum_i kron(rule_i, left_i right_i)``: (..., inputs) to (..., outputs).

    Args:
        rule: Held, not owned.
        rank: Of each product of left and right.

    Raises:
        UsageError: The number of terms does not divide the widths.
    """

    def __init__(self, inputs: int, outputs: int, rule: Rule, rank: int) -> None:
        super().__init__()
        terms = len(rule.matrices)
        if inputs % terms or outputs % terms:
            raise UsageError(f"compacter: terms={terms} must divide the widths {inputs} and {outputs}.")
        self.shared = (rule,)  # in a tuple, so that its parameters are not this module's too
        self.left = nn.Parameter(torch.empty(terms, inputs // terms, rank))
        self.right = nn.Parameter(torch.empty(terms, rank, outputs // terms))
        self.bias = nn.Parameter(torch.zeros(outputs))
        for factor in (*self.left, *self.right):
            nn.init.xavier_uniform_(factor, gain=math.sqrt(2))

    def weight(self) -> Tensor:
        """W (inputs, outputs)."""
        rows = torch.einsum("nab,ncr,nrd->acbd", self.shared[0].matrices, self.left, self.right)
        return rows.flatten(2, 3).flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return x @ self.weight() + self.bias


class KroneckerBottleneck(nn.Module):
    """``up(gelu(down(x)))`` of Kronecker layers, of the shape of x; nearly zero at the start."""

    def __init__(self, dim: int, width: int, rule: Rule, rank: int) -> None:
        super().__init__()
        self.down, self.up = KroneckerLinear(dim, width, rule, rank), KroneckerLinear(width, dim, rule, rank)
        self.activation = nn.GELU("tanh")

    def forward(self, x: Tensor) -> Tensor:
        """What is added."""
        return self.up(self.activation(self.down(x)))


class Compacter(Method):
    """Compacter (Karimi Mahabadi et al., NeurIPS 2021): Houlsby's adapters with Kronecker-factored matrices.

    Published on T5. Four terms of rank 1, the tanh form of GELU and the start are the released code's; it sets the
    hidden units to the width over 32, which is 24 on ViT-B, and also trains the layer norms, which we do not.
    Compacter++ is `place=mlp`.
    """

    title = "Compacter"
    families = ("vit", "cnn", "hybrid")

    place: Literal["both", "mlp"] = Field("both", description="behind attention and MLP, or behind the MLP alone")
    bottleneck: PositiveInt = Field(24, description="hidden units of an adapter")
    terms: PositiveInt = Field(4, description="Kronecker products that a matrix is the sum of")
    rank: PositiveInt = Field(1, description="rank of the larger factor")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.bottleneck % self.terms:
            raise ValueError(f"terms={self.terms} must divide bottleneck={self.bottleneck}")
        return self

    def inject(self, backbone: Backbone) -> None:
        rule = Rule(self.terms)

        def behind(dim: int) -> KroneckerBottleneck:
            return KroneckerBottleneck(dim, self.bottleneck, rule, self.rank)

        def seams(number: int, dim: int) -> Seams:
            return Seams(behind=(behind(dim) if self.place == "both" else None, behind(dim)))

        adapt_blocks(backbone, self.plugin_name(), seams, convnext=True)
        backbone.rule = rule
