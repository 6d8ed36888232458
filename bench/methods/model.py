"""A backbone and a head as one module, with the parameter names that methods refer to."""

from __future__ import annotations

from torch import Tensor, nn

from bench.backbones.base import Backbone


class Model(nn.Module):
    """Images -> backbone -> `Features` -> head -> logits."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of normalised images (B, 3, H, W) or volumes (B, 3, D, H, W)."""
        return self.head(self.backbone(images))
