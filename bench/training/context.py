"""What the cells of one group share: the data, the frozen trunk, and one stream of batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.backbones import Features
from bench.backbones.base import Backbone
from bench.data.augment import Preprocess
from bench.data.prepare import Prepared
from bench.recipes import Recipe
from bench.training.bank import Banked, FeatureBank
from bench.training.learner import autocast
from bench.training.streams import generator, reseed

# Also the fixed batch shape of banked features: a change changes bits, so it goes with NUMERICS_VERSION.
EVAL_BATCH = 128


@dataclass
class Context:
    """See the module.

    Attributes:
        prepared: The table, the splits and the data identity.
        images: uint8 (n, h, w, 3), row i is row i of the table.
        trunk: The pre-trained backbone, in evaluation mode, on the device; never changed.
        recipe: Any recipe of the group; only its stream fields are used here.
        identity: What decides the bits of un-augmented features, except the split.
        opened: How often each split's labels have been compared with predictions, by stage key.
    """

    prepared: Prepared
    images: np.ndarray
    trunk: Backbone
    preprocess: Preprocess
    recipe: Recipe
    data_seed: int
    device: torch.device
    bank: FeatureBank
    identity: dict[str, object]
    _banked: dict[tuple[str, bool], Banked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labels = torch.tensor(self.prepared.table["label"].to_numpy(), dtype=torch.int64).to(self.device)

    def own_trunk(self) -> Backbone:
        """A copy of the trunk that a learner may change."""
        return copy.deepcopy(self.trunk)

    @torch.no_grad()
    def features(self, images: Tensor) -> Features:
        """One frozen forward pass: (B, 3, H, W) to float32 features."""
        with autocast(self.recipe.precision, self.device):
            features = self.trunk(images)
        return Features(features.tokens.float(), features.pooled.float())

    def images_of(self, rows: np.ndarray, augment: bool = False) -> Tensor:
        """Normalised images (B, 3, H, W) of table rows."""
        return self.preprocess(torch.from_numpy(self.images[rows]), augment)

    def banked(self, split: str, tokens: bool) -> Banked | None:
        """The frozen features of a split, or None when they are too large to keep."""
        rows = self.prepared.rows(split)
        if not self.bank.fits(len(rows), self.trunk.spec, tokens):
            return None
        if (split, tokens) not in self._banked:
            compute = lambda: ((part, self.features(self.images_of(rows[part]))) for part in parts(len(rows)))  # noqa: E731
            identity = {**self.identity, "split": split}
            self._banked[split, tokens] = self.bank.get(identity, len(rows), self.trunk.spec, tokens, compute)
        return self._banked[split, tokens]

    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch; the last, smaller batch is kept."""
        return -(-len(self.prepared.rows("train")) // self.recipe.batch_size)

    def order(self, stage: int, epoch: int) -> np.ndarray:
        """The epoch's permutation of 0..n-1 over the training split."""
        return generator(self.data_seed, "order", stage, epoch).permutation(len(self.prepared.rows("train")))

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[int, np.ndarray, Tensor]]:
        """Yield (step, table rows, images) of an epoch: augmented, normalised, on the device.

        The next batch is gathered and copied while the current one trains; chance is drawn only here, in order.
        """
        rows = self.prepared.rows("train")[self.order(stage, epoch)]
        chunks = [rows[i : i + self.recipe.batch_size] for i in range(0, len(rows), self.recipe.batch_size)]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._gather, chunks[0])
            for step, chunk in enumerate(chunks):
                raw = waiting.result()
                if step + 1 < len(chunks):
                    waiting = pool.submit(self._gather, chunks[step + 1])
                reseed(self.data_seed, "augment", stage, epoch, step)
                yield step, chunk, self.preprocess(raw, augment=True)

    def _gather(self, rows: np.ndarray) -> Tensor:
        raw = torch.from_numpy(self.images[rows])
        return raw.pin_memory() if self.device.type == "cuda" else raw


def parts(count: int, size: int = EVAL_BATCH) -> Iterator[slice]:
    """Consecutive slices that cover 0..count-1."""
    return (slice(begin, min(begin + size, count)) for begin in range(0, count, size))
