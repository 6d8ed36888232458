"""Backbones: a pre-trained network that turns normalised images or volumes into `Features`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.backbones.family import WeightsInfo
from bench.backbones.features import Features, FeatureSpec
from bench.core.errors import UsageError


class TextEncoder(nn.Module):
    """What turns prompts into text features in the space of a backbone's pooled features; frozen.

    It is a part of the backbone, so that heads that read it count none of its parameters as their own.
    """

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Token numbers (n, L) of texts, int64, as `forward` needs them to find each text's end."""
        raise NotImplementedError

    def embed(self, tokens: Tensor) -> Tensor:
        """Token embeddings (n, L, w), without positions."""
        raise NotImplementedError

    def forward(self, embeddings: Tensor, tokens: Tensor) -> Tensor:
        """Raw text features (n, pooled_dim) of token embeddings (n, L, w)."""
        raise NotImplementedError


class Backbone(nn.Module):
    """Base of all backbones.

    Attributes:
        spec: Widths and grid of the features.
        info: The weights' facts.
        input_shape: Of one input: (3, H, W), (3, D, H, W) for volumes, or (d,) for features made elsewhere.
        reads_text: Whether it gives text features in the space of its pooled features.
        undecayed: Last parts of the names of tokens and positions, which a recipe's ``no_decay`` spares as vectors.
    """

    undecayed: ClassVar[tuple[str, ...]] = ("cls_token", "reg_token", "dist_token", "pos_embed")
    spec: FeatureSpec
    info: WeightsInfo
    input_shape: tuple[int, ...]
    reads_text: bool = False

    def forward(self, inputs: Tensor) -> Features:
        """Normalised inputs (B, *input_shape) to `Features`."""
        raise NotImplementedError

    def text_features(self, names: Sequence[str]) -> Tensor:
        """Raw text features (n, pooled_dim) of class names; asked for where `reads_text`."""
        raise NotImplementedError

    def text_encoder(self) -> TextEncoder | None:
        """Its text encoder, where it has one that reads token embeddings."""
        return None

    def show_levels(self) -> None:
        """Give `Features.levels` from now on; ``spec`` then tells their widths and strides.

        Raises:
            UsageError: The backbone has no maps.
        """
        raise UsageError(f"{self.info.arch} gives no maps, which this task needs. Choose an image backbone.")

    def blank(self, n: int = 1) -> Tensor:
        """``n`` inputs of zeros (n, *input_shape), on the backbone's device."""
        return torch.zeros(n, *self.input_shape, device=next(self.parameters()).device)

    def train(self, mode: bool = True) -> Backbone:
        """Switch modes; batch norm with folded statistics stays in evaluation mode."""
        super().train(mode)
        if self.info.batch_norm == "frozen":
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self


@torch.no_grad()
def probe(backbone: Backbone) -> Features:
    """Features of one blank input, in evaluation mode."""
    was_training = backbone.training
    backbone.eval()
    features: Features = backbone(backbone.blank())
    backbone.train(was_training)
    return features
