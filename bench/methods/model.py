"""A backbone and a head as one module, with the parameter names that methods refer to."""

from __future__ import annotations

from torch import Tensor, nn

from bench.backbones.base import Backbone


class Model(nn.Module):
    """Images -> backbone -> `Features` -> head -> logits.

    Args:
        added: Names of the parameters that the method brought: the head and what it injected.
    """

    def __init__(self, backbone: Backbone, head: nn.Module, added: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.added = added

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of normalised images (B, 3, H, W) or volumes (B, 3, D, H, W)."""
        return self.head(self.backbone(images))
