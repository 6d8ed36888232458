"""L2-SP: full fine-tuning pulled towards the pre-trained weights."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from bench.methods import Batch, Method, Stage
from bench.methods.model import Model


class L2SP(Method):
    """L2-SP: full fine-tuning with ``alpha/2 |w - w0|^2 + beta/2 |w_head|^2`` (Li et al., ICML 2018, eq. 3).

    Pulled is every pre-trained parameter, biases and norms included; running statistics are not. ``w_head`` is the
    classifier's weight and bias. The paper trains by SGD and chooses alpha and beta for each task; here they are 0.01.
    The recipe's weight decay comes on top; ``-o weight_decay=0`` gives the paper's objective alone.
    """

    title = "L2-SP"

    alpha: NonNegativeFloat = Field(0.01, description="pull of the backbone towards its pre-trained weights")
    beta: NonNegativeFloat = Field(0.01, description="pull of the classifier towards zero")

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains="all")]

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        start = batch.start
        distance = _squares([p - start[name] for name, p in model.named_parameters() if name in start])
        size = _squares(list(model.head.parameters()))
        return (self.alpha * distance + self.beta * size) / 2


def _squares(tensors: list[Tensor]) -> Tensor:
    """Their sum of squares; features made elsewhere leave no tensors."""
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum() if tensors else torch.zeros(())
