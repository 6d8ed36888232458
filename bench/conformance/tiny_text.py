"""Tiny random backbones that read text, for methods that need text features of the class names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.backbones.base import Backbone, TextEncoder
from bench.backbones.family import WeightsInfo
from bench.backbones.timm_backbone import TimmBackbone
from bench.conformance.base import Skipped
from bench.conformance.tiny import SIZE, tiny_backbone

_LENGTH, _WORDS, _WIDTH = 32, 64, 8
_NEEDS = "Text needs the extra vlm: pip install 'adaptbench[vlm]'."


class TinyText(TextEncoder):
    """Words by hash, one hidden layer, the mean over the prompt."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(_WORDS, _WIDTH)
        self.layers = nn.Sequential(nn.Linear(_WIDTH, 16), nn.Tanh(), nn.Linear(16, dim))

    def tokens(self, texts: Sequence[str]) -> Tensor:
        found = torch.zeros(len(texts), _LENGTH, dtype=torch.long)
        for row, text in enumerate(texts):
            words = ["(begin)", *text.split(), "(end)"]
            found[row, : len(words)] = torch.tensor([1 + crc32(word.encode()) % (_WORDS - 1) for word in words])
        return found

    def embed(self, tokens: Tensor) -> Tensor:
        return self.words(tokens)

    def forward(self, embeddings: Tensor, tokens: Tensor) -> Tensor:
        used = (tokens > 0).unsqueeze(-1).float()
        return 10 * self.layers((embeddings * used).sum(1) / used.sum(1))


class ReadingBackbone(TimmBackbone):
    """A tiny backbone with a tiny text encoder."""

    reads_text = True

    def __init__(self, other: TimmBackbone) -> None:
        super().__init__(other.model, other.info, SIZE)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.prompts = TinyText(self.spec.pooled_dim).requires_grad_(False)

    def text_encoder(self) -> TextEncoder:
        return self.prompts

    def text_features(self, names: Sequence[str]) -> Tensor:
        tokens = self.prompts.tokens(list(names))
        return self.prompts(self.prompts.embed(tokens), tokens)


def reading_backbone(kind: str) -> ReadingBackbone:
    """`tiny_backbone` with a text encoder; always the same weights."""
    return ReadingBackbone(tiny_backbone(kind))


def clip_backbone() -> Backbone:
    """A tiny random open_clip model with two blocks in each encoder; always the same weights.

    Raises:
        Skipped: open_clip is not installed.
    """
    try:
        from open_clip.tokenizer import SimpleTokenizer

        from bench.backbones.clip import ClipBackbone
    except ImportError as error:
        raise Skipped(_NEEDS) from error
    info = WeightsInfo("tiny_clip", SIZE, (0.5,) * 3, (0.5,) * 3, digest="tiny:clip")
    tokenise = SimpleTokenizer(context_length=_LENGTH)
    return ClipBackbone(_clip(_config(layers=2)), info, SIZE, "a photo of a {}.", lambda texts: tokenise(list(texts)))


def tiny_clip(folder: Path) -> str:
    """Write a tiny random open_clip model below ``folder`` and return the name to use in a cell.

    Raises:
        Skipped: open_clip is not installed.
    """
    config = _config(layers=1)
    state = _clip(config).state_dict()
    facts = {"open_clip_config": json.dumps(config), "trained_quick_gelu": "true", "trained_on": "nothing (random)"}
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "tiny_clip.safetensors", metadata=facts)
    return "tiny_clip"


def _config(layers: int) -> dict[str, Any]:
    return {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": SIZE, "patch_size": 16, "width": 32, "layers": layers, "head_width": 16},
        "text_cfg": {"context_length": _LENGTH, "vocab_size": 49408, "width": 16, "heads": 2, "layers": layers},
    }


def _clip(config: dict[str, Any]) -> nn.Module:
    try:
        from open_clip.model import CLIP
    except ImportError as error:
        raise Skipped(_NEEDS) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = CLIP(**config)
    return model
