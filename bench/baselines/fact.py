"""FacT: updates of all linear layers of a Vision Transformer as one factorised tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones.base import Backbone
from bench.core.errors import UsageError
from bench.methods import Method
from bench.methods.blocks import block_lists
from bench.methods.linear import AdaptedLinear, adapt_layers

LAYERS = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")


class Factors(nn.Module):
    """What the updates of all layers share: ``down`` (D -> r), ``up`` (r -> D), zero at the start, and, in Tucker's
    form, the core (r, r, r) and a column (r,) for each square piece (D, D) of the layers' weights.

    Args:
        pieces: Of all layers together; None: there is no core.
    """

    def __init__(self, dim: int, rank: int, pieces: int | None) -> None:
        super().__init__()
        self.rank = rank
        self.down, self.up = nn.Linear(dim, rank, bias=False), nn.Linear(rank, dim, bias=False)
        nn.init.zeros_(self.up.weight)
        if pieces is not None:
            self.core, self.columns = (
                nn.Parameter(nn.init.xavier_uniform_(torch.empty(shape))) for shape in ((rank,) * 3, (rank, pieces))
            )


class TrainedCore(nn.Module):
    """The tensor train's core of one layer, (i r, o r) for i and o pieces of its inputs and outputs."""

    def __init__(self, rank: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(rank * inputs, rank * outputs, bias=False)

    def forward(self) -> Tensor:
        """The matrix."""
        return self.linear.weight.T


class TuckerCore(nn.Module):
    """Tucker's core of one layer, (i r, o r): the shared core times the layer's columns.

    Args:
        factors: Held, not owned.
        columns: The layer's, of all.
        defect: How the released code lays out the MLP's pieces: (r, r, 4) is read as (r, 4 r) without moving the
            pieces ahead, and transposed for the second layer, so that the pieces of a matrix are mixed.
    """

    def __init__(self, factors: Factors, columns: slice, inputs: int, outputs: int, defect: bool) -> None:
        super().__init__()
        self.shared = (factors,)  # in a tuple, so that its parameters are not this module's too
        self.columns, self.inputs, self.outputs, self.defect = columns, inputs, outputs, defect

    def forward(self) -> Tensor:
        """The matrix."""
        cores = self.shared[0].core @ self.shared[0].columns[:, self.columns]
        if self.defect:
            return cores.flatten(1) if self.inputs == 1 else cores.flatten(1).T
        return cores.movedim(2, 1).flatten(1) if self.inputs == 1 else cores.movedim(2, 0).flatten(0, 1)


class Update(nn.Module):
    """``scale * up(dropout(down(x) core))`` of one layer, piece by piece of its inputs and outputs."""

    def __init__(self, factors: Factors, core: nn.Module, scale: float, dropout: float) -> None:
        super().__init__()
        self.shared = (factors,)
        self.core, self.scale, self.dropout = core, scale, nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the layer's output."""
        (factors,) = self.shared
        low = factors.down(x.unflatten(-1, (-1, factors.down.in_features))).flatten(-2)
        mixed = self.dropout(low @ self.core())
        return self.scale * factors.up(mixed.unflatten(-1, (-1, factors.rank))).flatten(-2)


class FacT(Method):
    """FacT (Jie and Deng, AAAI 2023): the updates of all linear layers share their outer factors, of one rank.

    "tt", the tensor train, has a core for each layer; "tk", Tucker's form, one core for the model and a vector for each
    square piece of a weight. Dropout 0.1 and the zero start are the released code's, which takes rank and scale for
    each task (ranks up to 16 and 32). Its Tucker form reads the MLP's cores in another order than the paper's equation;
    `defect=false` gives the paper's. On Swin the layers of one width share factors, which is our choice. Updates merge
    into the layers (`bench.methods.linear.merge`).
    """

    title = "FacT"
    families = ("vit", "hybrid")
    identity_at_start = True

    form: Literal["tt", "tk"] = Field("tt", description="tensor train or Tucker's form")
    rank: PositiveInt = Field(16, description="of the shared factors")
    scale: PositiveFloat = Field(1.0, description="factor of the updates; the paper chooses it for each task")
    dropout: float = Field(0.1, ge=0, lt=1, description="behind the core")
    defect: bool = Field(True, description="Tucker's form as released; false: as the paper writes it")

    def inject(self, backbone: Backbone) -> None:
        pieces = _pieces(backbone, self.plugin_name())
        shared = {
            dim: Factors(dim, self.rank, sum(counts) if self.form == "tk" else None) for dim, counts in pieces.items()
        }
        done = dict.fromkeys(pieces, 0)

        def build(name: str, layer: nn.Linear) -> AdaptedLinear:
            dim = min(layer.in_features, layer.out_features)
            inputs, outputs = layer.in_features // dim, layer.out_features // dim
            columns = slice(done[dim], done[dim] + max(inputs, outputs))
            done[dim] = columns.stop
            core = self._core(shared[dim], columns, inputs, outputs, name.startswith("mlp"))
            return AdaptedLinear(layer, beside=Update(shared[dim], core, self.scale, self.dropout))

        adapt_layers(backbone, self.plugin_name(), LAYERS, build)
        backbone.factors = nn.ModuleList(shared.values())

    def _core(self, factors: Factors, columns: slice, inputs: int, outputs: int, mlp: bool) -> nn.Module:
        if self.form == "tt":
            return TrainedCore(self.rank, inputs, outputs)
        return TuckerCore(factors, columns, inputs, outputs, self.defect and mlp)


def _pieces(backbone: Backbone, method: str) -> dict[int, list[int]]:
    """By width, how many square pieces the weights of each layer are cut into.

    Raises:
        UsageError: A layer's weight is no row of squares.
    """
    found: dict[int, list[int]] = {}
    for layer in _layers(backbone, method):
        smaller, larger = sorted((layer.in_features, layer.out_features))
        if larger % smaller:
            raise UsageError(f"{method} cuts weights into squares; {backbone.info.arch} has one of {larger}x{smaller}.")
        found.setdefault(smaller, []).append(larger // smaller)
    return found


def _layers(backbone: Backbone, method: str) -> Iterator[nn.Linear]:
    for sequence in block_lists(backbone, method):
        for block in sequence:
            yield from (block.get_submodule(name) for name in LAYERS)  # type: ignore[misc]
