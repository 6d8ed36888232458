"""From cached arrays to normalised batches, augmented per sample on the device; images and volumes alike.

Chance comes from outside as numbers in [0, 1), one row a sample (`Preprocess.draws`), so that a sample is the same
in whatever batch it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from bench.cells.recipes import Recipe
from bench.core.errors import UsageError
from bench.data.augment.chance import uniform
from bench.data.augment.volume_transforms import augmented_batch, versions
from bench.data.augment.warp import change, matrices, moved_points, warped
from bench.data.formats.boxes import around, corners
from bench.data.formats.resampling import boxes, nearest

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IGNORED = 255  # the class of a label map that counts nowhere: what augmentation brings in from outside
FLIPS = {"horizontal": -1, "vertical": -2, "depth": -3}  # name -> axis
# What each number of a sample's row decides. "flip" uses the first alone; the one of "torchio" seeds its generators.
COLUMNS = (
    "horizontal", "vertical", "depth", "intensity", "contrast", "brightness",
    "affine", "angle", "scale", "shift_x", "shift_y", "shift_z",
)  # fmt: skip
COUNTS = {None: 0, "flip": 1, "released": len(COLUMNS), "torchio": 1}


class Preprocess:
    """Enlarge, augment and normalise a batch; all cells of a group share one.

    ``augment=released`` is CLAdapter's: each flip (p = .5), brightness and contrast +-.1 (p = .5), then a turn of up to
    180 degrees, scale .7 to 1.3 and shift of up to .05 of each side, with a black border (p = .7). Volumes are turned
    in the plane of their last two axes, and scaled, shifted and flipped along all three. ``augment=flip`` is the
    horizontal flip alone; ``augment=torchio`` changes volumes as cached, before they are enlarged
    (`bench.data.augment.volume_transforms`), and mirrors nothing.

    Args:
        recipe: Its ``augment``, ``near_black``, ``normalisation`` and ``antialias`` are used.
        mean, std: The weights' own normalisation, used unless the recipe says "clip".
        input_shape: The backbone's (C, H, W) or (C, D, H, W).
        interpolation: "bilinear" or "bicubic", for images kept at a smaller native size; volumes: trilinear.
        forbidden_flips: Axes along which nothing is mirrored: "horizontal", "vertical", "depth".
    """

    def __init__(
        self, recipe: Recipe, mean: Sequence[float], std: Sequence[float], input_shape: tuple[int, ...],
        interpolation: str, device: torch.device, channels_last: bool, forbidden_flips: Sequence[str] = (),
    ) -> None:  # fmt: skip
        if recipe.normalisation == "clip":
            mean, std = CLIP_MEAN, CLIP_STD
        self.channels, self.extent = input_shape[0], input_shape[1:]
        self.recipe, self.device = recipe, device
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
        return uniform(data_seed, axes, keys, COUNTS[self.recipe.augment])

    def libraries(self) -> dict[str, str]:
        """Versions that an augmented sample's bits depend on beside torch's and its draws."""
        return versions() if self.recipe.augment == "torchio" else {}

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
        if draws is None or not draws.shape[1]:
            return boxes
        points = corners(boxes)
        for name, axis in self.flips.items():
            column, of = COLUMNS.index(name), -axis - 1  # x is the last axis of an image and the first of a point
            if column < draws.shape[1] and of < 2:
                chosen = torch.from_numpy(draws[:, column] < 0.5).to(self.device).view(-1, 1, 1)
                points[..., of] = torch.where(chosen, 1 - points[..., of], points[..., of])
        if draws.shape[1] == len(COLUMNS):
            warped_ones, moves = self._affine(draws)
            points = change(points, warped_ones, lambda some: moved_points(some, moves))
        return around(points, boxes)

    def _drawn(self, raw: Tensor, draws: np.ndarray | None) -> Tensor:
        """Cached arrays to floats in 0..1, augmented where there are draws.

        torchio's transforms run here, in the thread that trains, and not while a batch is loaded ahead: inside, torch's
        global generator has another state, and dropout draws from it.
        """
        if draws is not None and self.recipe.augment == "torchio":
            raw, draws = torch.from_numpy(augmented_batch(raw.cpu().numpy(), draws[:, 0])), None
        return self._augmented(self._to_float(raw), draws)

    def _to_float(self, raw: Tensor) -> Tensor:
        """Cached arrays to contiguous float32 (B, C, *extent) in 0..1; C is 1 for volumes without channels."""
        batch = raw.to(self.device, non_blocking=True)
        batch = batch.movedim(-1, 1) if batch.ndim == len(self.extent) + 2 else batch.unsqueeze(1)
        batch = batch.contiguous().to(torch.float32, copy=True)  # changed in place from here on
        batch = batch.div_(255) if raw.dtype == torch.uint8 else batch
        if batch.shape[2:] != self.extent:
            batch = interpolate(batch, size=self.extent, mode=self.interpolation, align_corners=False).clamp_(0, 1)
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

    def _augmented(self, batch: Tensor, draws: np.ndarray | None) -> Tensor:
        if draws is not None and draws.shape[1] == len(COLUMNS):
            batch = self._mirrored(batch, draws)
            return self._warped(self._touched(batch, draws), draws, "bilinear", 0.0)
        return batch if draws is None else self._mirrored(batch, draws)

    def _moved(self, batch: Tensor, draws: np.ndarray | None, mode: str, fill: float) -> Tensor:
        """Flips and affine map, without what changes intensities."""
        if draws is None:
            return batch
        batch = self._mirrored(batch, draws)
        return self._warped(batch, draws, mode, fill) if draws.shape[1] == len(COLUMNS) else batch

    def _mirrored(self, batch: Tensor, draws: np.ndarray) -> Tensor:
        for name, axis in self.flips.items():
            column = COLUMNS.index(name)
            if column < draws.shape[1] and -axis <= len(self.extent):
                batch = change(batch, draws[:, column] < 0.5, partial(torch.flip, dims=(axis,)))
        return batch

    def _touched(self, batch: Tensor, draws: np.ndarray) -> Tensor:
        """Where drawn, ``x * (1 + a) + b`` with a, b in +-.1, clipped.

        With ``near_black`` the defect of the released code: images in 0..255 were changed and clipped as if in 0..1,
        so every image that this touches comes out almost black.
        """
        ceiling = 1 / 255 if self.recipe.near_black else 1.0
        drawn = _columns(draws)
        chosen = drawn["intensity"] < 0.5
        factor = self._per_sample(1 + _spread(drawn["contrast"][chosen], 0.1))
        offset = self._per_sample(_spread(drawn["brightness"][chosen], 0.1) * ceiling)
        return change(batch, chosen, lambda some: some.mul_(factor).add_(offset).clamp_(0, ceiling))

    def _warped(self, batch: Tensor, draws: np.ndarray, mode: str, fill: float) -> Tensor:
        chosen, maps = self._affine(draws)
        return change(batch, chosen, lambda some: warped(some, maps, mode, fill))

    def _affine(self, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which samples (B,) bool are turned, scaled and shifted, and the `matrices` of these."""
        drawn = _columns(draws)
        chosen = drawn["affine"] < 0.7
        names = ("shift_x", "shift_y", "shift_z")[: len(self.extent)]
        angle, scale = _spread(drawn["angle"], np.pi), 1 + _spread(drawn["scale"], 0.3)
        shift = np.stack([_spread(drawn[name], 0.05) for name in names], axis=1)
        return chosen, matrices(angle[chosen], scale[chosen], shift[chosen], self.extent)

    def _per_sample(self, values: np.ndarray) -> Tensor:
        """Numbers (B,) on the device, to be broadcast over (B, C, *extent)."""
        return torch.from_numpy(values).to(self.device, torch.float32).view(-1, 1, *[1] * len(self.extent))

    def _normalised(self, batch: Tensor) -> Tensor:
        return ((batch - self.mean) / self.std).contiguous(memory_format=self.memory_format)


def check_augment(
    augment: str | None, input_shape: tuple[int, ...], forbidden_flips: Sequence[str], target: str
) -> None:
    """Check that an augmentation fits what it is for; others than these fit everything.

    Args:
        input_shape: The backbone's.
        forbidden_flips: The data set's.
        target: Where the task's targets lie; see `bench.tasks.base.Task`.

    Raises:
        UsageError: It does not; the message says what does.
    """
    if augment == "flip" and "horizontal" in forbidden_flips:
        raise UsageError(
            "augment=flip mirrors left and right, which would make other things of these data. "
            "Use augment=none, or another augmentation, which leaves out forbidden flips."
        )
    if augment == "torchio" and len(input_shape) != 4:
        raise UsageError("augment=torchio is for volumes, and the backbone takes images. Use another augmentation.")
    if augment == "torchio" and target != "table":
        raise UsageError(
            "augment=torchio moves volumes but not the targets that lie on them. "
            "Use augment=released, which moves both."
        )


def _columns(draws: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(COLUMNS, draws.T, strict=True))


def _spread(uniform: np.ndarray, limit: float) -> np.ndarray:
    """Numbers of [0, 1) in +-limit."""
    return (2 * uniform - 1) * limit


def _mode(axes: int, interpolation: str) -> str:
    return interpolation if axes == 2 else "trilinear"
