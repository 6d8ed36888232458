"""Scenes of several handwritten digits, embedded: masks and boxes are known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bench.data import Dataset, Official, Sample

SIDE = 64
SIZES = (24, 28, 32)  # sides of a digit in pixels
DIGITS = 5  # classes: 0 to 4
MOST = 4  # digits in a scene
COUNTS: dict[str, int] = {"train": 120, "val": 30, "test": 60}
TINY: dict[str, int] = {"train": 12, "val": 4, "test": 8}
INK = 80  # grey value from which a pixel belongs to the digit


@dataclass(frozen=True)
class Placed:
    """One digit of a scene.

    Attributes:
        digit: 0 to 9.
        mask: (SIDE, SIDE) bool, the pixels that are seen.
    """

    digit: int
    mask: np.ndarray


class DigitsScene(Dataset):
    """Up to four digits, 0 to 4, of scikit-learn's set on a grey, noisy canvas of 64 pixels; and background.

    A digit is seen in one split only. Later digits do not cover earlier ones: a place that would overlap is not taken.
    """

    title = "Digits, scenes"
    homepage = "https://archive.ics.uci.edu/dataset/80"
    licence = "CC BY 4.0"
    citation = "made from E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998"
    task = "segmentation"
    classes = ("background", *"01234")
    forbidden_flips = ("horizontal", "vertical")
    protocols = {"limited": Official(), "tiny": Official(column="tiny", note="a few scenes, for tests")}
    expected = {"limited": {**COUNTS}, "tiny": {**TINY}}

    def samples(self, root: Path) -> pd.DataFrame:
        splits = [split for split, count in COUNTS.items() for _ in range(count)]
        numbers = [number for count in COUNTS.values() for number in range(count)]
        ids = [f"{split}{number:03d}" for split, number in zip(splits, numbers, strict=True)]
        tiny = [split if number < TINY[split] else "" for split, number in zip(splits, numbers, strict=True)]
        return pd.DataFrame({"id": ids, "index": numbers, "split": splits, "tiny": tiny})

    def read(self, sample: Sample) -> np.ndarray:
        return scene(sample.id)[0]

    def read_target(self, sample: Sample) -> np.ndarray:
        labels = np.zeros((SIDE, SIDE), dtype=np.uint8)
        for placed in scene(sample.id)[1]:
            labels[placed.mask] = placed.digit + 1
        return labels


@cache  # 3 MB in all; every preparation hashes all samples
def scene(name: str) -> tuple[np.ndarray, tuple[Placed, ...]]:
    """The image uint8 (SIDE, SIDE, 3) of a scene, and what is on it; ``name`` is a split and a number."""
    split, number = name[:-3], int(name[-3:])
    rng = np.random.default_rng([list(COUNTS).index(split), number])
    images, labels = _pool(split)
    canvas = rng.normal(rng.uniform(20, 90), 12, size=(SIDE, SIDE))
    taken, placed = np.zeros((SIDE, SIDE), dtype=bool), []
    for choice in rng.integers(len(images), size=rng.integers(2, MOST + 1)):
        side = int(rng.choice(SIZES))
        top, left = rng.integers(0, SIDE - side + 1, size=2)
        window = np.s_[top : top + side, left : left + side]
        if taken[window].any():
            continue
        grey = np.asarray(Image.fromarray(images[choice]).resize((side, side), Image.Resampling.BICUBIC))
        mask = np.zeros_like(taken)
        mask[window] = grey >= INK
        taken[window] = True
        canvas[mask] = np.maximum(canvas[mask], grey[grey >= INK])
        placed.append(Placed(int(labels[choice]), mask))
    image = canvas.clip(0, 255).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2), tuple(placed)


@cache
def _pool(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The digits that a split draws from: every third, so that none is in two splits."""
    from sklearn.datasets import load_digits

    bunch = load_digits(n_class=DIGITS)
    own = slice(list(COUNTS).index(split), None, len(COUNTS))
    return (bunch.images * (255 / 16)).round().astype(np.uint8)[own], bunch.target.astype(int)[own]
