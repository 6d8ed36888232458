"""What the cells of one group share: the data, the frozen backbone, and one stream of batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.features import Features
from bench.cells.recipes import Recipe
from bench.core.disk_cache import DiskCache, Layout
from bench.data.augment.batches import Preprocess
from bench.data.prepare import Prepared
from bench.features.feature_cache import CachedFeatures, FeatureCache, pinned
from bench.features.views import view_inputs
from bench.tasks.base import FeatureSplit, HeadSpec, Task
from bench.training.failures import is_out_of_memory
from bench.training.mixing import mixed
from bench.training.modes import autocast
from bench.training.prefetch import ahead
from bench.training.streams import generator

# Also the fixed batch shape of cached features: a change changes bits, so it goes with ENGINE_VERSION.
EVAL_BATCH = 128

TrainingBatch = tuple[Tensor, Tensor]  # inputs (B, *input_shape) and targets (B, ...)


@dataclass
class Context:
    """See the module.

    Attributes:
        task: What is learned.
        prepared: The table, the splits and the data identity.
        inputs: (n, ...) as cached, row i is row i of the table.
        located: Targets that lie with the samples, as cached: maps (n, h, w) on the inputs, or boxes (n, M, 6); else
            None.
        backbone: The pre-trained backbone, in evaluation mode, on the device; never changed.
        recipe: Any recipe of the group; only its stream fields are used here.
        identity: What decides the bits of un-augmented features, except the rows.
        disk_cache: Where features and views are kept.
        split_evaluation: Whether an evaluation batch had to be split for lack of memory.
    """

    task: Task
    prepared: Prepared
    inputs: np.ndarray
    located: np.ndarray | None
    backbone: Backbone
    preprocess: Preprocess
    recipe: Recipe
    data_seed: int
    device: torch.device
    disk_cache: DiskCache
    identity: dict[str, object]
    split_evaluation: bool = False
    _cached_features: dict[tuple[str, bool, int], CachedFeatures | None] = field(default_factory=dict)
    _views: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.located is None:
            self._targets = torch.from_numpy(np.array(self.task.targets(self.prepared.table))).to(self.device)

    def head_spec(self, recipe: Recipe) -> HeadSpec:
        """What a head is built for that trains by this recipe."""
        spec = self.task.head(self.backbone.spec, self.prepared.classes, self.prepared.class_names, recipe.head)
        return replace(spec, text=self._text(spec.names), support=self._support)

    @cached_property
    def _support(self) -> Callable[[], FeatureSplit]:
        return cache(lambda: self.feature_split("train"))

    def _text(self, names: tuple[str, ...]) -> Tensor | None:
        """Text features of the outputs' names: the data set's, else the backbone's, kept as its features are."""
        if self.prepared.text is not None:
            return torch.from_numpy(self.prepared.text.astype(np.float32)).to(self.device)
        if not (names and self.backbone.reads_text):
            return None
        layouts = {"text": Layout((len(names), self.backbone.spec.pooled_dim), "float32")}
        identity = {**self.identity, "data": "text", "reader": "", "names": list(names)}

        def compute() -> Iterator[dict[str, np.ndarray]]:
            yield {"text": self.backbone.text_features(names).cpu().numpy()}

        kept = self.disk_cache.get(identity, layouts, compute) if self.disk_cache.fits(layouts) else next(compute())
        return torch.from_numpy(np.array(kept["text"])).to(self.device)

    def pooled(self, split: str) -> np.ndarray:
        """Frozen pooled features (n, pooled_dim) of a split, kept or, when too large to keep, computed."""
        cache = self.cached_features(split, tokens=False)
        if cache is not None:
            return np.array(cache.pooled)
        found = [self.features(inputs).pooled.cpu() for inputs in self.prefetched(self.prepared.rows(split))]
        return torch.cat(found).numpy()

    def feature_split(self, split: str) -> FeatureSplit:
        """Frozen pooled features of a split with its targets (n, ...)."""
        targets = self.targets(self.prepared.rows(split)).cpu().numpy()
        return FeatureSplit(self.pooled(split), self.task.learned(targets))

    def own_backbone(self) -> Backbone:
        """A copy of the backbone that a learner may change."""
        return copy.deepcopy(self.backbone)

    def targets(self, rows: np.ndarray) -> Tensor:
        """Targets (B, ...) of table rows, on the device, not augmented."""
        if self.located is None:
            return self._targets[torch.from_numpy(rows).to(self.device)]
        return torch.from_numpy(self.located[rows]).to(self.device)

    def training_targets(self, rows: np.ndarray, draws: np.ndarray | None) -> Tensor:
        """Targets (B, ...) of table rows, moved as the inputs are."""
        targets = self.targets(rows)
        if self.located is None:
            return targets
        return self.preprocess.boxes(targets, draws) if self.task.target == "boxes" else (
            self.preprocess.maps(targets, draws)
        )  # fmt: skip

    @torch.no_grad()
    def features(self, inputs: Tensor) -> Features:
        """One frozen forward pass: (B, *input_shape) to float32 features; in halves where memory runs out."""
        try:
            with autocast(self.recipe.precision, self.device):
                features: Features = self.backbone(inputs)
            return features.map(lambda tensor: tensor.float())
        except (RuntimeError, MemoryError) as error:
            if len(inputs) == 1 or not is_out_of_memory(error):
                raise
        self.split_evaluation = True
        half = len(inputs) // 2
        return joined([self.features(inputs[:half]), self.features(inputs[half:])])

    def cached(self, rows: np.ndarray) -> np.ndarray:
        """Table rows as cached, with an axis of channels: (B, H, W, C) or (B, D, H, W, C)."""
        found = self.inputs[rows]
        return found if found.ndim > len(self.backbone.input_shape) else found[..., None]

    def prefetched(self, rows: np.ndarray, chunks: Sequence[slice] | None = None) -> Iterator[Tensor]:
        """Inputs of table rows in evaluation batches, or in those named, the next gathered while one is worked on."""
        chosen = list(parts(len(rows))) if chunks is None else list(chunks)
        gathered = ahead(lambda part: self._gather(self.inputs, rows[part]), chosen)
        return (self.preprocess(raw) for raw in gathered)

    @property
    def finite(self) -> bool:
        """Whether the training inputs are a finite set, so that their frozen features may be kept."""
        return self.recipe.distinct_views is not None

    def view_number(self, epoch: int) -> int:
        """Which view an epoch shows; -1 where there are none."""
        return -1 if self.recipe.views is None or self.recipe.augment is None else epoch % self.recipe.views

    def view(self, number: int) -> np.ndarray:
        """One augmented view of the training split, uint8, channels last, in table order."""
        if number not in self._views:
            identity = {**self._of_rows("train"), **self._drawn(number), "what": "inputs"}
            count, shape = len(self.prepared.rows("train")), self.backbone.input_shape
            self._views[number] = view_inputs(self.disk_cache, identity, count, shape, lambda: self._draw(number))
        return self._views[number]

    def _draw(self, number: int) -> Iterator[Tensor]:
        rows = self.prepared.rows("train")
        for part in parts(len(rows)):
            draws = self._chance(rows[part], "view", number)
            yield self.preprocess.augmented(torch.from_numpy(self.inputs[rows[part]]), draws)

    def _chance(self, rows: np.ndarray, *axes: int | str) -> np.ndarray:
        return self.preprocess.draws(self.data_seed, axes, self.prepared.keys[rows])

    def _of_rows(self, split: str) -> dict[str, object]:
        return {**self.identity, "rows": self.prepared.rows_key(split)}

    def _drawn(self, view: int) -> dict[str, object]:
        """What further decides a view."""
        recipe = {"augment": self.recipe.augment, "near_black": self.recipe.near_black}
        return {**recipe, **self.preprocess.identity(), "data_seed": self.data_seed, "view": view}

    def cached_features(self, split: str, tokens: bool, view: int = -1) -> CachedFeatures | None:
        """The frozen features of a split (of one of its views), or None when they are too large to keep."""
        key = (split, tokens, view)
        if key not in self._cached_features:
            identity = {**self._of_rows(split), **(self._drawn(view) if view >= 0 else {}), "what": "features"}
            count, compute = len(self.prepared.rows(split)), lambda: self._split_features(split, view)
            self._cached_features[key] = FeatureCache(self.disk_cache).get(
                identity, count, self.backbone.spec, tokens, compute
            )
        return self._cached_features[key]

    def _split_features(self, split: str, view: int) -> Iterator[Features]:
        rows = self.prepared.rows(split)
        if view < 0:
            yield from map(self.features, self.prefetched(rows))
            return
        for part in parts(len(rows)):
            yield self.features(self.preprocess(torch.from_numpy(np.array(self.view(view)[part]))))

    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch; the last, smaller batch is kept."""
        return -(-len(self.prepared.rows("train")) // self.recipe.batch_size)

    def order(self, stage: int, epoch: int) -> np.ndarray:
        """The epoch's permutation of 0..n-1 over the training split."""
        return generator(self.data_seed, "order", stage, epoch).permutation(len(self.prepared.rows("train")))

    def batches(self, stage: int, epoch: int) -> Iterator[TrainingBatch]:
        """Yield the batches of an epoch: augmented, normalised, on the device.

        The next batch is gathered and copied while the current one trains. The chance of a sample depends on the data
        seed, the stage, the epoch and its id only.
        """
        order, number = self.order(stage, epoch), self.view_number(epoch)
        rows = self.prepared.rows("train")[order]
        source, places = (self.inputs, rows) if number < 0 else (self.view(number), order)
        chunks = list(parts(len(rows), self.recipe.batch_size))
        gathered = ahead(lambda chunk: self._gather(source, places[chunk]), chunks)
        for chunk, raw in zip(chunks, gathered, strict=True):
            draws = self._drawn_for(rows[chunk], stage, epoch)
            inputs = self.preprocess(raw, draws if number < 0 else None)
            yield self._mixed(inputs, self.training_targets(rows[chunk], draws), stage, epoch, chunk.start)

    def _mixed(self, inputs: Tensor, targets: Tensor, stage: int, epoch: int, begin: int) -> TrainingBatch:
        if not self.recipe.mixes:
            return inputs, targets
        soft = self.task.soft(targets, self.prepared.classes)
        return mixed(inputs, soft, self.recipe, generator(self.data_seed, "mixing", stage, epoch, begin))

    def cached_batches(self, cache: CachedFeatures, stage: int, epoch: int) -> Iterator[tuple[Features, Tensor]]:
        """The batches of an epoch from kept features."""
        order = self.order(stage, epoch)
        rows = self.prepared.rows("train")[order]
        chunks = list(parts(len(order), self.recipe.batch_size))
        loaded = ahead(lambda chunk: cache.batch(order[chunk], self.device), chunks)
        for chunk, features in zip(chunks, loaded, strict=True):
            yield features, self.training_targets(rows[chunk], self._drawn_for(rows[chunk], stage, epoch))

    def _drawn_for(self, rows: np.ndarray, stage: int, epoch: int) -> np.ndarray | None:
        """The chance that an epoch's inputs are augmented with: their view's, or fresh; None where they are not."""
        if self.recipe.augment is None:
            return None
        number = self.view_number(epoch)
        return self._chance(rows, "augment", stage, epoch) if number < 0 else self._chance(rows, "view", number)

    def _gather(self, source: np.ndarray, places: np.ndarray) -> Tensor:
        return pinned(torch.from_numpy(source[places]), self.device)


def parts(count: int, size: int = EVAL_BATCH) -> Iterator[slice]:
    """Consecutive slices that cover 0..count-1."""
    return (slice(begin, min(begin + size, count)) for begin in range(0, count, size))


def joined(batches: list[Features]) -> Features:
    """Batches of features as one."""
    first = batches[0]
    levels = zip(*(batch.levels for batch in batches if batch.levels is not None), strict=True)
    embeddings = [batch.embedding for batch in batches if batch.embedding is not None]
    return Features(
        torch.cat([batch.tokens for batch in batches]),
        torch.cat([batch.pooled for batch in batches]),
        torch.cat(embeddings) if first.embedding is not None else None,
        tuple(torch.cat(level) for level in levels) if first.levels is not None else None,
    )
