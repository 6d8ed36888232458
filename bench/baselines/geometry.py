"""Trivial baseline of volumes: how much of a volume is foreground, and how far it reaches."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from bench.baselines.logistic import Logistic

_LEVELS = 256


class Geometry(Logistic):
    """Trivial baseline: logistic regression on the foreground's volume and extents, not on the backbone's features.

    Foreground is what is brighter than Otsu's threshold (IEEE Trans. SMC 1979) of each volume, which parts a mask from
    its background exactly; a volume of one value has none. The box around it gives its extent along each axis. A target
    that follows from sizes, or from how tightly volumes were cropped (``threshold=0`` sees that through black padding),
    needs this baseline: a method below it need not have looked at what the volume shows.
    """

    title = "Box geometry"
    needs_volumes = True
    trivial_baseline = 3

    threshold: float | None = Field(
        None, ge=0, lt=1, description="share of white above which a voxel is foreground; none: Otsu's of each volume"
    )

    def measure(self, inputs: np.ndarray) -> np.ndarray:
        """Logarithms (n, 4) of the foreground's share of a volume, and of its extent as a share of each side.

        A voxel, or one slice, is added to each, so that an empty foreground has a logarithm too.
        """
        return np.stack([self._sizes(volume.max(-1)) for volume in inputs]).astype(np.float32)

    def _sizes(self, volume: np.ndarray) -> np.ndarray:
        levels = _as_levels(volume)
        level = otsu(levels) if self.threshold is None else self.threshold * (_LEVELS - 1)
        foreground = levels > level
        others = [tuple({0, 1, 2} - {axis}) for axis in range(3)]
        reach = [_reach(np.asarray(foreground.any(axes))) for axes in others]
        counts = np.array([foreground.sum(), *reach]) + 1
        return np.log(counts / np.array([foreground.size, *foreground.shape]))


def otsu(levels: np.ndarray) -> int:
    """The level (0..255) whose excess makes the variance between the two sides largest; the top where all are equal.

    Args:
        levels: Whole numbers of 0..255, of any shape.
    """
    counts = np.bincount(levels.ravel(), minlength=_LEVELS).astype(np.float64)
    below, sums = counts.cumsum(), (counts * np.arange(_LEVELS)).cumsum()
    parted = (below > 0) & (below < below[-1])
    if not parted.any():
        return _LEVELS - 1
    between = np.zeros(_LEVELS)
    apart = sums[-1] * below[parted] - sums[parted] * below[-1]
    between[parted] = apart**2 / (below[parted] * (below[-1] - below[parted]))
    return int(between.argmax())


def _as_levels(volume: np.ndarray) -> np.ndarray:
    if volume.dtype == np.uint8:
        return volume
    return np.rint(volume.astype(np.float32).clip(0, 1) * (_LEVELS - 1)).astype(np.uint8)


def _reach(touched: np.ndarray) -> int:
    """From the first to the last True."""
    places = np.flatnonzero(touched)
    return int(places[-1] - places[0] + 1) if len(places) else 0
