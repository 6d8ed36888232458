"""Tiny random backbones that read text, for methods that need text features of the class names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.backbones.base import TextEncoder
from bench.backbones.timm_backbone import TimmBackbone
from bench.conformance.base import Skipped
from bench.conformance.tiny import SIZE, tiny_backbone

_LENGTH, _WORDS, _WIDTH = 32, 64, 8


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


def tiny_clip(folder: Path) -> str:
    """Write a tiny random open_clip model below ``folder`` and return the name to use in a cell.

    Raises:
        Skipped: open_clip is not installed.
    """
    try:
        from open_clip.model import CLIP
    except ImportError as error:
        raise Skipped("Text needs the extra vlm: pip install 'adaptbench[vlm]'.") from error
    config = {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": SIZE, "patch_size": 16, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = CLIP(**config).state_dict()
    facts = {"open_clip_config": json.dumps(config), "trained_quick_gelu": "true", "trained_on": "nothing (random)"}
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "tiny_clip.safetensors", metadata=facts)
    return "tiny_clip"
