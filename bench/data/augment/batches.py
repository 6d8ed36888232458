"""From cached arrays to normalised batches, augmented per sample on the device; images and volumes alike.

Chance comes from outside as numbers in [0, 1), one row a sample (`Preprocess.draws`), so that a sample is the same
in whatever batch it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from bench.cells.recipes import Recipe
from bench.data.augment.base import augmentation_of, identity_of
from bench.data.augment.chance import uniform
from bench.data.augment.warp import change, moved_points, warped
from bench.data.formats.boxes import around, corners
from bench.data.formats.resampling import boxes, nearest

NORMALISATIONS = {  # by the recipe's name, mean and standard deviation of each channel
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
IGNORED = 255  # the class of a label map that counts nowhere: what augmentation brings in from outside
FLIPS = {"horizontal": -1, "vertical": -2, "depth": -3}  # name -> axis


class Preprocess:
    """Enlarge, augment and normalise a batch; all cells of a group share one.

    What is drawn is the recipe's augmentation's (`bench.data.augment.base.Augmentation`).

    Args:
        recipe: Its ``augment``, ``near_black``, ``normalisation`` and ``antialias`` are used.
        mean, std: The weights' own normalisation, used where the recipe says "own".
        input_shape: The backbone's (C, H, W) or (C, D, H, W).
        interpolation: "bilinear" or "bicubic", for images kept at a smaller native size; volumes: trilinear.
        forbidden_flips: Axes along which nothing is mirrored: "horizontal", "vertical", "depth".
    """

    def __init__(
        self, recipe: Recipe, mean: Sequence[float], std: Sequence[float], input_shape: tuple[int, ...],
        interpolation: str, device: torch.device, channels_last: bool, forbidden_flips: Sequence[str] = (),
    ) -> None:  # fmt: skip
        mean, std = NORMALISATIONS.get(recipe.normalisation, (mean, std))
        self.channels, self.extent = input_shape[0], input_shape[1:]
        self.recipe, self.device, self.augmentation = recipe, device, augmentation_of(recipe)
        ones = [1] * len(self.extent)
        self.mean = torch.tensor(mean, device=device).view(1, -1, *ones)
        self.std = torch.tensor(std, device=device).view(1, -1, *ones)
        self.interpolation = _mode(len(self.extent), interpolation if recipe.antialias else "bilinear")
        last = torch.channels_last if len(self.extent) == 2 else torch.channels_last_3d
        self.memory_format = last if channels_last else torch.contiguous_format
        self.flips = {name: axis for name, axis in FLIPS.items() if name not in forbidden_flips}

    def draws(self, data_seed: int, axes: tuple[int | str, ...], keys: np.ndarray) -> np.ndarray:
        """The chance of some samples, float64 (B, k) in [0, 1), for the recipe's augmentation.

        Args:
            data_seed: Seeds the augmentation.
            axes: What the chance is for, such as (stage, epoch) or ("view", number).
            keys: (B,) uint64, the samples' own; see `Prepared.keys`.
        """
        return uniform(data_seed, axes, keys, self.augmentation.numbers if self.augmentation else 0)

    def identity(self) -> dict[str, str]:
        """What an augmented sample's bits depend on beside torch, its draws and the recipe."""
        own = identity_of(self.recipe)
        versions = self.augmentation.libraries() if self.augmentation else {}
        return {**versions, **({"augmentation": own} if own else {})}

    @torch.no_grad()
    def __call__(self, raw: Tensor, draws: np.ndarray | None = None) -> Tensor:
        """Cached arrays to normalised float32 (B, *input_shape), augmented where there are draws."""
        return self._normalised(self._drawn(raw, draws))

    @torch.no_grad()
    def augmented(self, raw: Tensor, draws: np.ndarray | None) -> Tensor:
        """Cached arrays to float32 (B, *input_shape) in 0..1, augmented but not normalised: what views keep."""
        batch = self._drawn(raw, draws)
        return batch.expand(len(batch), self.channels, *self.extent)

    @torch.no_grad()
    def maps(self, maps: Tensor, draws: np.ndarray | None = None) -> Tensor:
        """Label maps moved as `__call__` moves the inputs that they lie on.

        Args:
            maps: Whole numbers (B, [D,] H, W), as cached.
            draws: Those of the inputs.

        Returns:
            int64 maps of the input's height and width (and depth): nearest neighbours, `IGNORED` outside.
        """
        labels = self._moved(self._enlarged_maps(maps), draws, "nearest", fill=IGNORED)
        return labels[:, 0].round().long()

    @torch.no_grad()
    def boxes(self, boxes: Tensor, draws: np.ndarray | None = None) -> Tensor:
        """Boxes (B, M, 6) moved as `__call__` moves images: each becomes the upright box around its moved corners.

        Args:
            boxes: As `bench.data.formats.boxes` describes them.
            draws: Those of the images.
        """
        boxes = boxes.to(self.device)
        if draws is None or self.augmentation is None:
            return boxes
        points = corners(boxes)
        for axis, mirrored in self._flips(draws):
            of = -axis - 1  # x is the last axis of an image and the first of a point
            if of < 2:
                chosen = torch.from_numpy(mirrored).to(self.device).view(-1, 1, 1)
                points[..., of] = torch.where(chosen, 1 - points[..., of], points[..., of])
        if affine := self.augmentation.affine(draws, self.extent):
            points = change(points, affine[0], lambda some: moved_points(some, affine[1]))
        return around(points, boxes)

    def _drawn(self, raw: Tensor, draws: np.ndarray | None) -> Tensor:
        """Cached arrays to floats in 0..1, augmented where there are draws.

        What an augmentation does to cached samples is done here, in the thread that trains, and not while a batch is
        loaded ahead: a library may draw from torch's global generator, and so does dropout.
        """
        if draws is None or self.augmentation is None:
            return self._to_float(raw)
        cached = raw.cpu().numpy()
        changed = self.augmentation.samples(cached, draws, self.extent, frozenset(self.flips))
        batch = self._to_float(raw if changed is cached else torch.from_numpy(changed))
        touched = self.augmentation.touched(self._mirrored(batch, draws), draws, self.recipe.near_black)
        return self._warped(touched, draws, "bilinear", 0.0)

    def _to_float(self, raw: Tensor) -> Tensor:
        """Cached arrays to contiguous float32 (B, C, *extent) in 0..1; C is 1 for volumes without channels."""
        batch = raw.to(self.device, non_blocking=True)
        batch = batch.movedim(-1, 1) if batch.ndim == len(self.extent) + 2 else batch.unsqueeze(1)
        batch = batch.contiguous().to(torch.float32, copy=True)  # changed in place from here on
        batch = batch.div_(255) if raw.dtype == torch.uint8 else batch
        if batch.shape[2:] != self.extent:
            # the cache's are larger where the recipe says resize_to
            smaller = self.recipe.antialias and batch.ndim == 4 and batch.shape[-1] > self.extent[-1]
            resized = interpolate(
                batch, size=self.extent, mode=self.interpolation, align_corners=False, antialias=smaller
            )
            batch = resized.clamp_(0, 1)
        return batch

    def _enlarged_maps(self, maps: Tensor) -> Tensor:
        places = [
            torch.from_numpy(nearest(np.arange(length), [wanted], boxes([length], [wanted], "squash")))
            for length, wanted in zip(maps.shape[1:], self.extent, strict=True)
        ]
        maps = maps.to(self.device)
        for axis, chosen in enumerate(places, start=1):
            maps = maps.index_select(axis, chosen.to(self.device))
        return maps.unsqueeze(1).to(torch.float32, copy=True)

    def _moved(self, batch: Tensor, draws: np.ndarray | None, mode: str, fill: float) -> Tensor:
        """Flips and affine map, without what changes intensities."""
        if draws is None or self.augmentation is None:
            return batch
        return self._warped(self._mirrored(batch, draws), draws, mode, fill)

    def _flips(self, draws: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Axes that may be mirrored, and which samples (B,) bool are."""
        drawn = self.augmentation.flips(draws) if self.augmentation else {}
        return ((axis, drawn[name]) for name, axis in self.flips.items() if name in drawn and -axis <= len(self.extent))

    def _mirrored(self, batch: Tensor, draws: np.ndarray) -> Tensor:
        for axis, chosen in self._flips(draws):
            batch = change(batch, chosen, partial(torch.flip, dims=(axis,)))
        return batch

    def _warped(self, batch: Tensor, draws: np.ndarray, mode: str, fill: float) -> Tensor:
        affine = self.augmentation.affine(draws, self.extent) if self.augmentation else None
        return change(batch, affine[0], lambda some: warped(some, affine[1], mode, fill)) if affine else batch

    def _normalised(self, batch: Tensor) -> Tensor:
        return ((batch - self.mean) / self.std).contiguous(memory_format=self.memory_format)


def _mode(axes: int, interpolation: str) -> str:
    return interpolation if axes == 2 else "trilinear"
