"""Visual prompt tuning: learned tokens beside the patches of a frozen Vision Transformer."""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from bench.backbones.base import Backbone
from bench.methods import Method
from bench.methods.parts import vit_blocks


class VPT(Method):
    """Visual prompt tuning, shallow or deep (Jia et al., ECCV 2022); Vision Transformers only.

    Prompts stand between the class token and the patches, after position embeddings were added, and are taken out again
    before the final norm. The paper chooses their number for each task (1 to 200) and trains by SGD; its code drops out
    0.1 of them. Here there are 10 and no dropout unless asked, and the recipe's optimiser; the head reads what the
    backbone pools, the class token or the mean.
    """

    title = "VPT"
    families = ("vit",)
    undecayed = ("prompt",)

    variant: Literal["shallow", "deep"] = Field(
        "deep", description="prompts before the first block, or new ones before each"
    )
    prompts: PositiveInt = Field(10, description="prompt tokens")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the prompts; the released code has 0.1")

    def inject(self, backbone: Backbone) -> None:
        blocks = vit_blocks(backbone, self.plugin_name())
        first = int(backbone.model.num_prefix_tokens)  # type: ignore[union-attr, arg-type]
        patch = math.prod(backbone.model.patch_embed.patch_size)  # type: ignore[union-attr, arg-type]
        limit = math.sqrt(6 / (3 * patch + backbone.spec.token_dim))  # Xavier, as the paper's code
        for depth, block in enumerate(blocks if self.variant == "deep" else blocks[:1]):
            prompt = torch.empty(1, self.prompts, backbone.spec.token_dim).uniform_(-limit, limit)
            block.register_parameter("prompt", nn.Parameter(prompt))
            stale = self.prompts if depth else 0
            block.register_forward_pre_hook(partial(_insert, first=first, stale=stale, dropout=self.dropout))
        blocks[-1].register_forward_hook(partial(_remove, first=first, count=self.prompts))


def _insert(block: nn.Module, inputs: tuple[Tensor, ...], first: int, stale: int, dropout: float) -> tuple[Tensor, ...]:
    """Put the block's prompts at position ``first``, in place of ``stale`` earlier ones."""
    tokens, *others = inputs
    prompt = functional.dropout(block.get_parameter("prompt").expand(len(tokens), -1, -1), dropout, block.training)
    return (torch.cat([tokens[:, :first], prompt, tokens[:, first + stale :]], dim=1), *others)


def _remove(block: nn.Module, inputs: tuple[Tensor, ...], tokens: Tensor, first: int, count: int) -> Tensor:
    return torch.cat([tokens[:, :first], tokens[:, first + count :]], dim=1)
