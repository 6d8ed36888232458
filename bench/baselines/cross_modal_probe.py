"""Cross-modal linear probe: class names' text features are training samples beside the images."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.backbones import Features
from bench.methods import Batch, HeadSpec, Method
from bench.methods.model import Model
from bench.methods.text import text_of, unit


class CrossModalProbe(Method):
    """Cross-modal linear probe: class weights from text, trained on images and on texts (Lin et al., CVPR 2023).

    The head is linear without bias on unit features times 100; its weights start as unit text features and are not
    normalised later. Each step's loss is the sum of two cross-entropies: of the batch's images and of as many texts,
    labelled by their class, which a shuffled pass over the classes gives. The released code halves that sum, which
    Adam does not see but for its decay. It tries 12 settings of AdamW of 12,800 steps each; here the recipe trains and
    selects.
    """

    title = "Cross-modal probe"
    needs_tokens = False
    needs_text = True

    share: float = Field(
        1.0, ge=0, le=1, description="of the trained weights in evaluation, the rest text (WiSE-FT; released: also 0.5)"
    )
    scale: PositiveFloat = Field(100.0, description="of the logits")

    def head(self, spec: HeadSpec) -> CrossModalHead:
        return CrossModalHead(unit(text_of(spec, self.plugin_name())), self.share, self.scale)

    def extra_loss(self, model: Model, batch: Batch) -> Tensor:
        assert isinstance(model.head, CrossModalHead)
        return model.head.text_loss(passes(len(batch.targets), len(model.head.text), batch.targets.device))


class CrossModalHead(nn.Module):
    """Scaled products of unit features with class weights, which start as unit text features (C, d)."""

    text: Tensor

    def __init__(self, text: Tensor, share: float, scale: float) -> None:
        super().__init__()
        self.share, self.scale = share, scale
        self.register_buffer("text", text.clone(), persistent=False)
        self.weights = nn.Parameter(text.clone())

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C); in evaluation of the weights' mixture with text."""
        weights = self.weights if self.training else self.mixed()
        return self.scale * unit(features.pooled) @ weights.T

    def mixed(self) -> Tensor:
        """``share W + (1 - share) text``."""
        return self.share * self.weights + (1 - self.share) * self.text

    def text_loss(self, classes: Tensor) -> Tensor:
        """Mean cross-entropy of the texts of some classes (n,)."""
        return cross_entropy(self.scale * self.text[classes] @ self.weights.T, classes)


def passes(count: int, classes: int, device: torch.device) -> Tensor:
    """``count`` class numbers: shuffled passes over all classes, one after another, cut off at the end."""
    rounds = -(-count // classes)
    return torch.cat([torch.randperm(classes, device=device) for _ in range(rounds)])[:count]
