"""What the cells of one group share: the data, the frozen trunk, and one stream of batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.backbones import Features
from bench.backbones.base import Backbone
from bench.cells.recipes import Recipe
from bench.data.augment import Preprocess
from bench.data.prepare import Prepared
from bench.features.bank import Banked, FeatureBank, pinned
from bench.features.shelf import Shelf
from bench.features.views import view_images
from bench.training.learner import autocast
from bench.training.prefetch import ahead
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
        shelf: Where features and views are kept.
    """

    prepared: Prepared
    images: np.ndarray
    trunk: Backbone
    preprocess: Preprocess
    recipe: Recipe
    data_seed: int
    device: torch.device
    shelf: Shelf
    identity: dict[str, object]
    _banked: dict[tuple[str, bool, int], Banked | None] = field(default_factory=dict)
    _views: dict[int, np.ndarray] = field(default_factory=dict)

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

    def images_of(self, rows: np.ndarray) -> Tensor:
        """Normalised images (B, 3, H, W) of table rows, not augmented."""
        return self.preprocess(torch.from_numpy(self.images[rows]), augment=False)

    @property
    def finite(self) -> bool:
        """Whether the training images are a finite set, so that their frozen features may be kept."""
        return self.recipe.augment is None or self.recipe.views is not None

    def view_number(self, epoch: int) -> int:
        """Which view an epoch shows; -1 where there are none."""
        return -1 if self.recipe.views is None or self.recipe.augment is None else epoch % self.recipe.views

    def view(self, number: int) -> np.ndarray:
        """One augmented view of the training split, uint8 (n, S, S, 3), in table order."""
        if number not in self._views:
            named = {**self.identity, "augment": self.recipe.augment, "near_black": self.recipe.near_black}
            identity = {**named, "data_seed": self.data_seed, "view": number}
            count = len(self.prepared.rows("train"))
            self._views[number] = view_images(self.shelf, identity, count, self.trunk.size, lambda: self._draw(number))
        return self._views[number]

    def _draw(self, number: int) -> Iterator[Tensor]:
        rows = self.prepared.rows("train")
        for part in parts(len(rows)):
            reseed(self.data_seed, "view", number, part.start)
            yield self.preprocess.augmented(torch.from_numpy(self.images[rows[part]]))

    def banked(self, split: str, tokens: bool, view: int = -1) -> Banked | None:
        """The frozen features of a split (of one of its views), or None when they are too large to keep."""
        key = (split, tokens, view)
        if key not in self._banked:
            identity = {**self.identity, "split": split}
            if view >= 0:
                drawn = {"view": view, "augment": self.recipe.augment, "near_black": self.recipe.near_black}
                identity |= {**drawn, "data_seed": self.data_seed}
            count, compute = len(self.prepared.rows(split)), lambda: self._split_features(split, view)
            self._banked[key] = FeatureBank(self.shelf).get(identity, count, self.trunk.spec, tokens, compute)
        return self._banked[key]

    def _split_features(self, split: str, view: int) -> Iterator[Features]:
        rows = self.prepared.rows(split)
        for part in parts(len(rows)):
            if view < 0:
                images = self.images_of(rows[part])
            else:
                images = self.preprocess(torch.from_numpy(np.array(self.view(view)[part])), augment=False)
            yield self.features(images)

    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch; the last, smaller batch is kept."""
        return -(-len(self.prepared.rows("train")) // self.recipe.batch_size)

    def order(self, stage: int, epoch: int) -> np.ndarray:
        """The epoch's permutation of 0..n-1 over the training split."""
        return generator(self.data_seed, "order", stage, epoch).permutation(len(self.prepared.rows("train")))

    def epoch_labels(self, stage: int, epoch: int) -> Tensor:
        """Labels (n,) of an epoch in its order, on the device: one copy an epoch, none in the step."""
        rows = self.prepared.rows("train")[self.order(stage, epoch)]
        return self.labels[torch.from_numpy(rows).to(self.device)]

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[int, np.ndarray, Tensor]]:
        """Yield (step, table rows, images) of an epoch: augmented, normalised, on the device.

        The next batch is gathered and copied while the current one trains; chance is drawn only here, in order.
        """
        order, number = self.order(stage, epoch), self.view_number(epoch)
        rows = self.prepared.rows("train")[order]
        source, places = (self.images, rows) if number < 0 else (self.view(number), order)
        chunks = list(parts(len(rows), self.recipe.batch_size))
        gathered = ahead(lambda chunk: self._gather(source, places[chunk]), chunks)
        for step, (chunk, raw) in enumerate(zip(chunks, gathered, strict=True)):
            reseed(self.data_seed, "augment", stage, epoch, step)
            yield step, rows[chunk], self.preprocess(raw, augment=number < 0)

    def _gather(self, source: np.ndarray, places: np.ndarray) -> Tensor:
        return pinned(torch.from_numpy(source[places]), self.device)


def parts(count: int, size: int = EVAL_BATCH) -> Iterator[slice]:
    """Consecutive slices that cover 0..count-1."""
    return (slice(begin, min(begin + size, count)) for begin in range(0, count, size))
