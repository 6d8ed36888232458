"""A folder of photographs: pieces of the two that scikit-learn ships, in class folders."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

# Class -> photograph, and where pieces may begin: top, bottom, left, right. Sky, haze and water look alike.
REGIONS = {
    "flower": (1, 90, 300, 190, 380),
    "pagoda": (0, 70, 310, 100, 290),
    "sky": (0, 0, 150, 330, 590),
    "trees": (0, 340, 380, 0, 590),
    "water": (0, 205, 260, 360, 540),
}
SIDE = 48


def photographs(folder: Path, each: int, seed: int, in_classes: bool = True) -> Path:
    """Write so many pieces of each class, 48 pixels wide, as JPEG; they depend on the seed alone.

    Args:
        in_classes: In class folders; else all in one, as new ones come.
    """
    rng, number = np.random.default_rng(seed), 0
    for name in REGIONS:
        for _ in range(each):
            number += 1
            place = folder / name if in_classes else folder
            place.mkdir(parents=True, exist_ok=True)
            piece(name, rng).save(place / f"IMG_{number:04d}.jpg", quality=92)
    return folder


def piece(name: str, rng: np.random.Generator) -> Image.Image:
    """A piece of one class at a random place, a little brighter or darker."""
    which, top, bottom, left, right = REGIONS[name]
    y, x = int(rng.integers(top, bottom)), int(rng.integers(left, right))
    values = _loaded()[which][y : y + SIDE, x : x + SIDE].astype(float) * rng.uniform(0.7, 1.1)
    noisy = values + rng.normal(0, 12, values.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@cache
def _loaded() -> tuple[np.ndarray, ...]:
    return tuple(load_sample_images().images)
