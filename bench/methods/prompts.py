"""Learnable prompt contexts read by a frozen text encoder: what CoOp and its kin share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.backbones.base import TextEncoder
from bench.core.errors import UsageError
from bench.tasks.base import HeadSpec

FILLER = "X"  # stands where the context goes; one token of CLIP's vocabulary


class PromptTexts(nn.Module):
    """Prompts "[context] name." of all classes, whose context vectors come from outside.

    Attributes:
        encoder: The backbone's own, shared, so that none of its parameters count as the head's.
        tokens: (C, L) token numbers, with fillers where the context goes: places 1 to ``context``.
    """

    tokens: Tensor

    def __init__(self, encoder: TextEncoder, tokens: Tensor, context: int) -> None:
        super().__init__()
        self.encoder, self.context = encoder, context
        self.register_buffer("tokens", tokens, persistent=False)

    @classmethod
    def of(cls, spec: HeadSpec, context: int, method: str) -> PromptTexts:
        """The prompts of a head's classes.

        Raises:
            UsageError: There is no text encoder, or class names are not known.
        """
        if spec.encoder is None or not spec.names:
            raise UsageError(f"{method} learns prompts: it needs class names and a backbone with a text encoder.")
        filler = " ".join([FILLER] * context)
        texts = [f"{filler} {name.replace('_', ' ')}." for name in spec.names]
        return cls(spec.encoder, spec.encoder.tokens(texts), context)

    @property
    def width(self) -> int:
        """Width of a context vector."""
        return self.encoder.embed(self.tokens[:1]).shape[-1]

    def forward(self, context: Tensor) -> Tensor:
        """Raw text features (C, d) of a context (M, w), or of (C, M, w), one for each class."""
        with torch.no_grad():
            embeddings = self.encoder.embed(self.tokens)
        context = context.expand(len(embeddings), *context.shape[-2:])
        whole = torch.cat([embeddings[:, :1], context, embeddings[:, 1 + self.context :]], dim=1)
        return self.encoder(whole, self.tokens)


def drawn_context(count: int, width: int, shape: tuple[int, ...] = ()) -> nn.Parameter:
    """Context vectors (*shape, count, width) from N(0, 0.02^2), as the released code draws them."""
    return nn.Parameter(torch.randn(*shape, count, width) * 0.02)
