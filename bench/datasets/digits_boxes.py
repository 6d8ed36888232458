"""Scenes of several handwritten digits, embedded, with their boxes."""

from __future__ import annotations

import numpy as np

from bench.data import Sample
from bench.datasets.digits_scene import DIGITS, DigitsScene, scene


class DigitsBoxes(DigitsScene):
    """The scenes of `digits_scene` with the box of every digit: detection without a download."""

    title = "Digits, boxes"
    task = "detection"
    classes = tuple("0123456789"[:DIGITS])

    def read_target(self, sample: Sample) -> np.ndarray:
        return np.array([[*_box(placed.mask), placed.digit, 0] for placed in scene(sample.id)[1]], dtype=np.float32)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
