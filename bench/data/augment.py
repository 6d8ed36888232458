"""From cached uint8 images to normalised batches, with per-sample augmentation on the device."""

from __future__ import annotations

import torch
from kornia.augmentation import AugmentationSequential, RandomAffine, RandomHorizontalFlip, RandomVerticalFlip
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bench.cells.recipes import Recipe

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Preprocess:
    """Up-sample, augment and normalise a batch; all cells of a group share one.

    Args:
        recipe: Its ``augment``, ``near_black`` and ``normalisation`` are used.
        mean, std: The weights' own normalisation, used unless the recipe says "clip".
        size: Output size in pixels.
        interpolation: "bilinear" or "bicubic", for images kept at a smaller native size.
    """

    def __init__(
        self, recipe: Recipe, mean: tuple[float, ...], std: tuple[float, ...], size: int, interpolation: str,
        device: torch.device, channels_last: bool,
    ) -> None:  # fmt: skip
        if recipe.normalisation == "clip":
            mean, std = CLIP_MEAN, CLIP_STD
        self.mean = torch.tensor(mean, device=device).view(1, -1, 1, 1)
        self.std = torch.tensor(std, device=device).view(1, -1, 1, 1)
        self.size, self.device = size, device
        self.interpolation = interpolation
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.augmentation = build_augmentation(recipe)

    @torch.no_grad()
    def __call__(self, images: Tensor, augment: bool) -> Tensor:
        """Turn uint8 (B, H, W, 3) into normalised float32 (B, 3, S, S); the caller seeds the augmentation."""
        batch = self.augmented(images) if augment else self.to_float(images)
        return ((batch - self.mean) / self.std).contiguous(memory_format=self.memory_format)

    @torch.no_grad()
    def augmented(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) to augmented float32 (B, 3, S, S) in 0..1, not normalised."""
        batch = self.to_float(images)
        return batch if self.augmentation is None else self.augmentation(batch)

    def to_float(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) to float32 (B, 3, S, S) in 0..1."""
        batch = images.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)
        if batch.shape[-1] != self.size:
            batch = interpolate(
                batch, size=(self.size, self.size), mode=self.interpolation, align_corners=False
            ).clamp_(0, 1)
        return batch


class BrightnessContrast(nn.Module):
    """Per sample, with probability p: ``image * (1 + a) + b`` with a, b uniform in +-limit, clipped.

    Args:
        near_black: Repeat the released code's defect: images in 0..255 were
            changed and clipped as if in 0..1, so every image this touches
            comes out almost black.
    """

    def __init__(self, limit: float = 0.1, p: float = 0.5, near_black: bool = False) -> None:
        super().__init__()
        self.limit, self.p = limit, p
        self.ceiling = 1 / 255 if near_black else 1.0

    def forward(self, images: Tensor) -> Tensor:
        """Float images (B, 3, H, W) in 0..1 to the same shape."""
        touched, contrast, brightness = torch.rand(3, len(images), 1, 1, 1, device=images.device)
        changed = images * (1 + self._spread(contrast)) + self._spread(brightness) * self.ceiling
        return torch.where(touched < self.p, changed.clamp(0, self.ceiling), images)

    def _spread(self, uniform: Tensor) -> Tensor:
        return (2 * uniform - 1) * self.limit


def build_augmentation(recipe: Recipe) -> nn.Module | None:
    """Return the recipe's augmentation of float images (B, 3, H, W) in 0..1, or None.

    "released" is CLAdapter's: both flips, brightness/contrast +-0.1, shift 0.05 / scale 0.3 / rotate 180 with a black
    border (probability 0.7). "flip" is the horizontal flip alone.
    """
    if recipe.augment is None:
        return None
    if recipe.augment == "flip":
        return AugmentationSequential(RandomHorizontalFlip(p=0.5), data_keys=["input"])
    return nn.Sequential(
        RandomHorizontalFlip(p=0.5),
        RandomVerticalFlip(p=0.5),
        BrightnessContrast(near_black=recipe.near_black),
        RandomAffine(degrees=180, translate=(0.05, 0.05), scale=(0.7, 1.3), p=0.7, padding_mode="zeros"),
    )
