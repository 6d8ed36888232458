"""Meta-Adapter: class weights from one attention of a class's text to its training rows."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from bench.backbones import Features
from bench.methods import Batch, HeadSpec, Method
from bench.methods.model import Model
from bench.methods.text import support_of, text_of, unit


class MetaAdapter(Method):
    """Meta-Adapter: ``w_c = unit(t_c + sigmoid(u t_c + s) a x_c)``, x_c text and rows (Cheng et al., NeurIPS 2023).

    ``a = softmax(Wq t_c (Wk x_c)' / sqrt(d))``, one head, values not projected; s starts at 1. The same weights serve
    every class, so new classes are scored alike. As released, each training row is pushed into its class's keys, where
    the oldest leaves, and evaluation reads the keys so pushed. Released keys are means of ten views, and what is pushed
    are further views; where a row has one view only, this changes how often a row is among the keys, no more.

    The released code keeps the epoch that is best on *test*, on the hardest third of the classes, and takes their keys
    from validation rows. Here the recipe trains and selects (released: AdamW 1e-4 with eps 1e-4, 5 epochs of batch 64).
    """

    title = "Meta-Adapter"
    needs_tokens = False
    mixes = False
    needs_text = True

    queue: bool = Field(True, description="push training rows into the keys, as released")
    scale: PositiveFloat = Field(100.0, description="of the cosines")

    def head(self, spec: HeadSpec) -> MetaHead:
        name = self.plugin_name()
        return MetaHead(*class_keys(spec, name), scale=self.scale)

    def extra_loss(self, model: Model, batch: Batch) -> None:
        """No loss: the place where a step's rows and labels are known, after they were scored."""
        assert isinstance(model.head, MetaHead)
        if self.queue:
            model.head.push(unit(batch.features.pooled.detach()), batch.targets)


class MetaHead(nn.Module):
    """Cosines with class weights (C, d), times a scale.

    Args:
        text: (C, d) of length 1.
        keys: (C, K, d) of length 1, the newest first; a class with fewer rows has zeros behind them.
        counts: (C,) rows of each class.
    """

    text: Tensor
    keys: Tensor
    counts: Tensor

    def __init__(self, text: Tensor, keys: Tensor, counts: Tensor, scale: float) -> None:
        super().__init__()
        self.scale, width = scale, text.shape[1]
        self.register_buffer("text", text, persistent=False)
        self.register_buffer("counts", counts, persistent=False)
        self.register_buffer("keys", keys)  # training changes it
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 1)
        for layer in (self.query, self.key, self.gate):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.ones_(self.gate.bias)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, C)."""
        return self.scale * unit(features.pooled) @ self.weights().T

    def weights(self) -> Tensor:
        """Class weights (C, d) of length 1."""
        values = torch.cat([self.text.unsqueeze(1), self.keys], dim=1)
        attended = attend(self.query(self.text), self.key(values), values, 1 + self.counts)
        return unit(self.text + self.gate(self.text).sigmoid() * attended)

    def push(self, rows: Tensor, labels: Tensor) -> None:
        """Put rows (B, d), one after another, before the keys of their classes; as many leave at the end."""
        keys = self.keys.clone()
        for row, label in zip(rows, labels.tolist(), strict=True):
            count = int(self.counts[label])
            keys[label, :count] = torch.cat([row.unsqueeze(0), keys[label, : count - 1]])[:count]
        self.keys = keys


def attend(query: Tensor, keys: Tensor, values: Tensor, counts: Tensor) -> Tensor:
    """Attention of one query a class (C, d) to the first ``counts`` of its keys (C, K, d): values (C, d)."""
    scores = (keys @ query.unsqueeze(2)).squeeze(2) / query.shape[1] ** 0.5
    absent = torch.arange(keys.shape[1], device=keys.device) >= counts.unsqueeze(1)
    attention = scores.masked_fill(absent, -torch.inf).softmax(1)
    return (attention.unsqueeze(1) @ values).squeeze(1)


def class_keys(spec: HeadSpec, method: str) -> tuple[Tensor, Tensor, Tensor]:
    """Unit text (C, d), unit training rows by class (C, K, d) with zeros where a class has fewer, and counts (C,)."""
    text, train = unit(text_of(spec, method)), support_of(spec, method)
    rows, labels = unit(torch.from_numpy(train.x).to(text)), torch.from_numpy(train.y).long().to(text.device)
    return text, *by_class(rows, labels, spec.outputs)


def by_class(rows: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Rows (n, d) as (C, K, d), each class's in their order and zeros behind; with counts (C,)."""
    counts = torch.bincount(labels, minlength=classes)
    order = labels.argsort(stable=True)
    place = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[labels[order]]
    keys = rows.new_zeros(classes, int(counts.max()), rows.shape[1])
    keys[labels[order], place] = rows[order]
    return keys, counts
