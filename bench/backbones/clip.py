"""A CLIP-like model of open_clip as a backbone: projected image features, and text in the same space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from open_clip.transformer import TextTransformer, VisionTransformer, text_global_pool
from torch import Tensor, nn

from bench.backbones.base import Backbone, TextEncoder, probe
from bench.backbones.family import WeightsInfo
from bench.backbones.features import Family, Features, FeatureSpec

Tokenise = Callable[[Sequence[str]], Tensor]
_TEXTS = 64  # prompts encoded at once


class ClipBackbone(Backbone):
    """``pooled`` is the raw projected image feature, in the space of text; tokens are the last layer's patch tokens.

    Image towers other than open_clip's Vision Transformer give their pooled feature as their only token.

    Args:
        template: Of prompts, with ``{}`` for the class name.
        tokenise: Texts to token numbers (n, L).
    """

    reads_text = True
    model: Any  # open_clip's models share methods, not a base class that declares them

    def __init__(self, model: nn.Module, info: WeightsInfo, size: int, template: str, tokenise: Tokenise) -> None:
        super().__init__()
        self.model, self.info, self.input_shape = model, info, (3, size, size)
        self.template, self.tokenise = template, tokenise
        self.gives_tokens = isinstance(self.model.visual, VisionTransformer)
        if self.gives_tokens:
            self.model.visual.output_tokens = True
        tower = getattr(model, "text", model)
        standard = tower is model or (isinstance(tower, TextTransformer) and tower.cls_emb is None)
        self.prompts = ClipText(tower, tokenise) if standard else None
        self.spec = self._measure()
        self.eval()

    def forward(self, inputs: Tensor) -> Features:
        """Images (B, 3, H, W) to features; see the class."""
        if self.gives_tokens:
            pooled, tokens = self.model.visual(inputs)
            return Features(tokens, pooled)
        pooled = self.model.encode_image(inputs)
        return Features(pooled.unsqueeze(1), pooled)

    @torch.no_grad()
    def text_features(self, names: Sequence[str]) -> Tensor:
        """Raw text features (n, pooled_dim) of the template filled with each name; underscores are spaces."""
        prompts = [self.template.format(name.replace("_", " ")) for name in names]
        device = next(self.parameters()).device
        parts = [prompts[begin : begin + _TEXTS] for begin in range(0, len(prompts), _TEXTS)]
        return torch.cat([self.model.encode_text(self.tokenise(part).to(device)).float() for part in parts])

    def text_encoder(self) -> TextEncoder | None:
        return self.prompts

    @torch.no_grad()
    def _measure(self) -> FeatureSpec:
        features = probe(self)
        count = features.tokens.shape[1]
        side = round(count**0.5)
        grid = (side, side) if side * side == count else (count,)
        return FeatureSpec(features.tokens.shape[2], features.pooled.shape[1], grid, _family(self.model.visual))


class ClipText(TextEncoder):
    """The text tower of a CLIP-like model, from token embeddings on (Radford et al., ICML 2021, section 2.4)."""

    tower: Any

    def __init__(self, tower: nn.Module, tokenise: Tokenise) -> None:
        super().__init__()
        self.tower, self.tokenise = tower, tokenise

    def tokens(self, texts: Sequence[str]) -> Tensor:
        return self.tokenise(texts).to(self.tower.token_embedding.weight.device)

    def embed(self, tokens: Tensor) -> Tensor:
        return self.tower.token_embedding(tokens)

    def forward(self, embeddings: Tensor, tokens: Tensor) -> Tensor:
        tower, length = self.tower, tokens.shape[1]
        mask = None if tower.attn_mask is None else tower.attn_mask[:length, :length].to(embeddings.dtype)
        hidden = tower.transformer(embeddings + tower.positional_embedding[:length], attn_mask=mask)
        kind = getattr(tower, "text_pool_type", None) or tower.pool_type
        end = getattr(tower, "text_eos_id", None) or getattr(tower, "eos_id", None)
        pooled = text_global_pool(tower.ln_final(hidden), tokens, kind, eos_token_id=end)
        if tower.text_projection is None:
            return pooled
        linear = isinstance(tower.text_projection, nn.Linear)
        return tower.text_projection(pooled) if linear else pooled @ tower.text_projection


def _family(visual: nn.Module) -> Family:
    """A plain ViT, a CNN, or what mixes both; CLIP's ResNets pool by attention, which changes no map."""
    if isinstance(visual, VisionTransformer):
        return "vit"
    trunk = getattr(visual, "trunk", visual)
    return "hybrid" if any(hasattr(module, "qkv") for module in trunk.modules()) else "cnn"
