"""Resizing arrays of any number of axes: separable linear filters, antialiased or not, and nearest neighbours.

All of them place the centre of output element i of N at ``start + (i + 1/2) * length / N`` of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Resize = Literal["squash", "crop"]
Box = tuple[float, float]  # start and length along one axis


def boxes(extent: Sequence[int], wanted: Sequence[int], resize: Resize) -> list[Box]:
    """Which part of each axis is shown: all of it ("squash"), or the largest centred part of the wanted proportions."""
    if resize == "squash":
        return [(0.0, float(length)) for length in extent]
    pairs = list(zip(extent, wanted, strict=True))
    tight, tight_target = min(pairs, key=lambda pair: pair[0] / pair[1])
    sizes = [target * tight / tight_target for target in wanted]  # exact for the tight axis itself
    return [((length - size) / 2, size) for length, size in zip(extent, sizes, strict=True)]


def linear(array: np.ndarray, wanted: Sequence[int], shown: Sequence[Box], antialias: bool) -> np.ndarray:
    """Resize the first axes linearly, to float32.

    Args:
        array: (n_1, ..., n_k, ...).
        wanted: New lengths of the first k axes.
        shown: What `boxes` gives for them.
        antialias: Widen the triangle with the reduction, as Pillow does; else two neighbours an axis, as OpenCV does.
    """
    result = array.astype(np.float32)
    for axis, (length, (start, size)) in enumerate(zip(wanted, shown, strict=True)):
        if (result.shape[axis], 0.0, float(length)) != (length, start, size):
            result = _along(result, axis, *_taps(result.shape[axis], length, start, size, antialias))
    return result


def nearest(array: np.ndarray, wanted: Sequence[int], shown: Sequence[Box]) -> np.ndarray:
    """Resize the first axes by taking the nearest element; values are never mixed."""
    for axis, (length, (start, size)) in enumerate(zip(wanted, shown, strict=True)):
        centres = start + (np.arange(length) + 0.5) * size / length
        array = np.take(array, np.clip(np.floor(centres).astype(int), 0, array.shape[axis] - 1), axis)
    return array


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Float values of 0..255 as the nearest bytes."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _taps(length: int, wanted: int, start: float, size: float, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which inputs (wanted, t) make each output, and their weights, which sum to 1."""
    scale = max(size / wanted, 1.0) if antialias else 1.0
    centres = (start + (np.arange(wanted) + 0.5) * size / wanted)[:, None]
    places = np.floor(centres - scale + 0.5).astype(int) + np.arange(int(np.ceil(2 * scale)) + 1)
    weights = np.clip(1 - np.abs(places + 0.5 - centres) / scale, 0, None)
    weights[(places < 0) | (places >= length)] = 0
    return np.clip(places, 0, length - 1), weights / weights.sum(1, keepdims=True)


def _along(array: np.ndarray, axis: int, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    shape = [1] * array.ndim
    shape[axis] = len(places)
    moved = np.zeros((), dtype=np.float32)
    for place, weight in zip(places.T, weights.T.astype(np.float32), strict=True):
        if weight.any():
            moved = moved + np.take(array, place, axis) * weight.reshape(shape)
    return moved
