"""Scenes of several handwritten digits, embedded, with a mask for each."""

from __future__ import annotations

import numpy as np

from bench.data import Sample
from bench.datasets.digits_scene import DIGITS, SIDE, DigitsScene, scene
from bench.tasks.instances import NUMBERS


class DigitsInstances(DigitsScene):
    """The scenes of `digits_scene` with the mask of every digit: instance segmentation without a download."""

    title = "Digits, instances"
    task = "instances"
    classes = tuple("0123456789"[:DIGITS])

    def read_target(self, sample: Sample) -> np.ndarray:
        objects = np.zeros((SIDE, SIDE), dtype=np.int32)
        for number, placed in enumerate(scene(sample.id)[1]):
            objects[placed.mask] = (placed.digit + 1) * NUMBERS + number
        return objects
