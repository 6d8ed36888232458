"""Muon: matrices of the backbone move by orthogonalised updates, everything else as the recipe says."""

from __future__ import annotations

from pydantic import Field
from torch.nn import Parameter
from torch.optim import Optimizer

from bench.methods import Method, Stage, Trainables

IMAGE = 3  # channels


class Muon(Method):
    """Full fine-tuning with two optimisers: Muon (Jordan et al., 2024) for matrices, the recipe's for the rest.

    Matrices are weights of linear and convolution layers inside the backbone, the latter with all but the first axis as
    one; not the first convolution, depthwise ones, tokens, positions and the head. Their update is the momentum, made
    nearly orthogonal by five Newton-Schulz steps, times ``0.2 sqrt(max(rows, columns))`` (Liu et al., "Muon is scalable
    for LLM training", 2025), so that AdamW's rate and decay suit both. timm's implementation.
    """

    title = "Full fine-tuning, Muon"

    momentum: float = Field(0.95, ge=0, lt=1, description="of the matrices' updates, with Nesterov's look ahead")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains="all")]

    def optimizers(self, trainables: Trainables) -> list[Optimizer]:
        matrices = [name for name, parameter in trainables.parameters.items() if is_matrix(name, parameter)]
        rest = [name for name in trainables.parameters if name not in set(matrices)]
        found = [trainables.optimizer(only=rest)]
        if matrices:
            options = {"momentum": self.momentum, "nesterov": True}
            ours = {
                "ns_coefficients": "original",
                "adjust_lr_fn": "match_rms_adamw",
            }  # the papers', not timm's defaults
            found.append(trainables.optimizer("muon", only=matrices, **options, **ours))
        return found


def is_matrix(name: str, parameter: Parameter) -> bool:
    """Whether a parameter is the weight of a layer inside the backbone that mixes channels."""
    layer = name.startswith("backbone.") and name.endswith(".weight") and parameter.ndim >= 2
    return layer and parameter.shape[1] > IMAGE
