"""Attn-Adapter's memory: class weights from text that attends to the class's training rows."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from bench.backbones import Features
from bench.baselines.meta_adapter import attend, class_keys
from bench.methods import HeadSpec, Method
from bench.methods.text import unit


class AttnAdapter(Method):
    """Attn-Adapter's memory: ``w' = w + p(w) F' softmax(K(F) Q(w)' / sqrt(d))`` (arXiv 2509.03895, its Memory part).

    From the paper's text; no code was released. F are the class's training rows, values not projected; logits are
    cosines with w'. Its other part, which lets the image attend to patch features with a loss ``lambda |f - g|^2``, is
    not here: it needs patch features in the space of text, which no backbone here gives.

    Ours, since the paper leaves it open: K and Q are two layers with a ReLU and a narrower middle; p is Meta-Adapter's
    gate, one sigmoid a class whose bias starts at 1; one head; the text is not among the keys; the training rows do not
    change. The recipe trains and selects. A class without a training row keeps its text.
    """

    title = "Attn-Adapter"
    needs_tokens = False
    needs_text = True

    reduction: PositiveInt = Field(4, description="width of the features over that of the middle of K and Q")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> nn.Module:
        return MemoryHead(*class_keys(spec, self.plugin_name()), method=self)


class MemoryHead(nn.Module):
    """Cosines with class weights (C, d), times a scale; arguments as of `bench.baselines.meta_adapter.MetaHead`."""

    text: Tensor
    keys: Tensor
    counts: Tensor

    def __init__(self, text: Tensor, keys: Tensor, counts: Tensor, method: AttnAdapter) -> None:
        super().__init__()
        self.scale, width = method.scale, text.shape[1]
        for name, buffer in {"text": text, "keys": keys, "counts": counts}.items():
            self.register_buffer(name, buffer, persistent=False)
        self.query, self.key = (_two_layers(width, max(1, width // method.reduction)) for _ in range(2))
        self.gate = nn.Linear(width, 1)
        nn.init.xavier_uniform_(self.gate.weight)
        nn.init.ones_(self.gate.bias)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled) @ unit(self.weights()).T

    def weights(self) -> Tensor:
        """Class weights (C, d)."""
        there = self.counts > 0
        attended = attend(self.query(self.text), self.key(self.keys), self.keys, self.counts.clamp(min=1))
        return self.text + self.gate(self.text).sigmoid() * attended * there.unsqueeze(1)


def _two_layers(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
