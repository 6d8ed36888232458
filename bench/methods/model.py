"""A backbone and a head as one module, with the parameter names that methods refer to."""

from __future__ import annotations

from torch import Tensor, nn

from bench.backbones.base import Backbone


class Model(nn.Module):
    """Inputs -> backbone -> `Features` -> head -> outputs.

    Attributes:
        added: Names of the parameters that the method brought: the head and what it injected.
        injected: Names of the modules that it put into the backbone.
        outputs: How many outputs the head was asked for, and by whom, in words: for `bench.tasks.base.check_shape`.
    """

    def __init__(
        self, backbone: Backbone, head: nn.Module, added: frozenset[str] = frozenset(),
        injected: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.added = added
        self.injected = injected
        self.outputs: tuple[int, str] | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of normalised inputs (B, *input_shape)."""
        return self.head(self.backbone(inputs))
