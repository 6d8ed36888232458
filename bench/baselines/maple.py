"""MaPLe: prompts in both encoders of a CLIP model, those of the image made from those of the text."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.backbones.base import Backbone, TextEncoder
from bench.core.errors import UsageError
from bench.methods import HeadSpec, Method
from bench.methods.text import unit

_START = "a photo of a"  # the first words are where the context starts


class MaPLe(Method):
    """MaPLe: learned prompts of text, and linear maps of them as prompts of the image (Khattak et al., CVPR 2023).

    The context stands for the first words of "a photo of a NAME."; before each of the next `depth` - 1 blocks of the
    text encoder new prompts take its place. In the image encoder their images stand behind the patches: the first after
    position embeddings were added, the others in place of those before. Image prompts leave before the pooling, which
    reads the class token alone in the models of the paper. Where a tower has fewer blocks, depth is theirs.

    In evaluation the text features are computed once. The released code trains by SGD at 3.5e-3, batch 4, 5 epochs,
    fp16, and reports the last epoch; here the recipe trains and selects. Models of open_clip with a Vision Transformer.
    """

    title = "MaPLe"
    needs_tokens = False
    needs_text = True
    families = ("vit",)

    context: int = Field(2, ge=1, le=4, description="prompts in each encoder")
    depth: PositiveInt = Field(9, description="blocks of each encoder that get prompts of their own")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def inject(self, backbone: Backbone) -> None:
        visual, encoder = towers(backbone, self.plugin_name())
        depth = min(self.depth, len(visual.transformer.resblocks), len(encoder.tower.transformer.resblocks))
        encoder.coupled = CoupledPrompts(encoder, visual.class_embedding.shape[-1], self.context, depth)
        show_prompts(visual, encoder.coupled)

    def head(self, spec: HeadSpec) -> nn.Module:
        encoder: Any = spec.encoder
        if encoder is None or not spec.names:
            raise UsageError(f"{self.plugin_name()} learns prompts: it needs class names and a text encoder.")
        tokens = encoder.tokens([f"{_START} {name.replace('_', ' ')}." for name in spec.names])
        return CoupledHead(encoder, tokens, self.scale)


def towers(backbone: Backbone, method: str) -> tuple[Any, Any]:
    """The image encoder and the text encoder of an open_clip model.

    Raises:
        UsageError: It is another model, or one of them is not a plain transformer that has the batch first.
    """
    visual, encoder = getattr(getattr(backbone, "model", None), "visual", None), backbone.text_encoder()
    parts = visual, getattr(encoder, "tower", None)
    if not all(getattr(getattr(part, "transformer", None), "batch_first", False) for part in parts):
        raise UsageError(
            f"{method} needs a model of open_clip with transformers for images and for texts, and {backbone.info.arch} "
            "is none. Choose another backbone or method."
        )
    return visual, encoder


class CoupledPrompts(nn.Module):
    """The prompts of texts, and what makes those of images of them.

    Attributes:
        text: Prompts (n, w) of each block, the first in place of the first words' embeddings.
        maps: To the image encoder's width, for each block.
    """

    def __init__(self, encoder: TextEncoder, width: int, count: int, depth: int) -> None:
        super().__init__()
        with torch.no_grad():
            words = encoder.embed(encoder.tokens([_START]))[0, 1 : 1 + count].clone()
        drawn = [torch.empty_like(words).normal_(std=0.02) for _ in range(depth - 1)]
        self.text = nn.ParameterList([words, *drawn])
        first, deeper = (nn.Linear(words.shape[1], width, device=words.device) for _ in range(2))
        self.maps = nn.ModuleList([first, *(copy.deepcopy(deeper) for _ in range(depth - 1))])

    def image(self, depth: int) -> Tensor:
        """Prompts (n, width) of the image encoder before a block."""
        prompts: Tensor = self.maps[depth](self.text[depth])
        return prompts


def show_prompts(visual: Any, coupled: CoupledPrompts) -> None:
    """Let the image encoder read the prompts from now on."""
    visual.ln_pre.register_forward_pre_hook(partial(_append, coupled=coupled))
    for depth, block in enumerate(visual.transformer.resblocks[: len(coupled.text)]):
        if depth:
            block.register_forward_pre_hook(partial(_renew_last, coupled=coupled, depth=depth))
    visual.transformer.register_forward_hook(partial(_drop_last, count=len(coupled.text[0])))


class CoupledHead(nn.Module):
    """Cosines with the text features of learned prompts, times a scale; the prompts are the encoder's.

    Args:
        tokens: (C, L) of the prompts with the words that the context replaces.
    """

    tokens: Tensor

    def __init__(self, encoder: Any, tokens: Tensor, scale: float) -> None:
        super().__init__()
        self._encoder, self.scale = (encoder,), scale  # the backbone's: in a tuple, so that it is no part of the head
        self.register_buffer("tokens", tokens, persistent=False)
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled) @ unit(self.text()).T

    @property
    def encoder(self) -> Any:
        """The text encoder, which holds the prompts."""
        return self._encoder[0]

    def text(self) -> Tensor:
        """Raw text features (C, d); in evaluation, computed once for all batches."""
        if self.training:
            self._kept = None
            return self.encoded()
        state = [(p.data_ptr(), p._version, p.device) for p in self.encoder.coupled.text]
        if self._kept is None or self._kept[0] != state:
            self._kept = state, self.encoded()
        return self._kept[1]

    def encoded(self) -> Tensor:
        """Raw text features (C, d) of the prompts as they stand."""
        context, *deeper = self.encoder.coupled.text
        with torch.no_grad():
            embeddings = self.encoder.embed(self.tokens)
        blocks = self.encoder.tower.transformer.resblocks
        with ExitStack() as stack:  # other texts of this encoder have none of the prompts
            for block, prompts in zip(blocks[1:], deeper, strict=False):
                stack.callback(block.register_forward_pre_hook(partial(_renew_first, prompts=prompts)).remove)
            found: Tensor = self.encoder(_in_place(embeddings, context), self.tokens)
        return found


def _in_place(tokens: Tensor, prompts: Tensor) -> Tensor:
    """Tokens (B, L, w) with prompts (n, w) at places 1 to n."""
    shown = prompts.to(tokens.dtype).expand(len(tokens), -1, -1)
    return torch.cat([tokens[:, :1], shown, tokens[:, 1 + len(prompts) :]], dim=1)


def _renew_first(block: nn.Module, inputs: tuple[Tensor, ...], prompts: Tensor) -> tuple[Tensor, ...]:
    return (_in_place(inputs[0], prompts), *inputs[1:])


def _append(layer: nn.Module, inputs: tuple[Tensor, ...], coupled: CoupledPrompts) -> tuple[Tensor, ...]:
    return (_behind(inputs[0], coupled.image(0)),)


def _renew_last(
    block: nn.Module, inputs: tuple[Tensor, ...], coupled: CoupledPrompts, depth: int
) -> tuple[Tensor, ...]:
    prompts = coupled.image(depth)
    return (_behind(inputs[0][:, : -len(prompts)], prompts), *inputs[1:])


def _behind(tokens: Tensor, prompts: Tensor) -> Tensor:
    return torch.cat([tokens, prompts.to(tokens.dtype).expand(len(tokens), -1, -1)], dim=1)


def _drop_last(transformer: nn.Module, inputs: tuple[Tensor, ...], tokens: Tensor, count: int) -> Tensor:
    return tokens[:, :-count]
