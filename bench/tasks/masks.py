"""Masks of objects within their boxes: how they are laid into an image, and how few bytes say the same."""

from __future__ import annotations

import numpy as np

HALF = 127.5  # of 255: a pixel above it belongs to the object
STEPS = (255, 85, 51, 17, 15, 5, 3)  # divisors of 255, so that both ends stay what they are


def pasted(mask: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (S, S) of shares of 255, laid into its box by bilinear interpolation: bool (H, W), where above one half.

    Args:
        box: Left, top, right, bottom as shares of the image.
        size: Height and width of the image.
    """
    (rows, row_weights), (columns, column_weights) = _places(mask, box, size)
    found = np.zeros(size, dtype=bool)
    found[np.ix_(rows, columns)] = _inside(mask, row_weights, column_weights)
    return found


def shortened(mask: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (S, S) uint8 that compresses well and is pasted bit for bit as this one is; applied again, it is the same.

    What only lies beside values of its own side of one half becomes 0 or 255, and the rest is rounded to the coarsest
    of some steps that changes no pixel.

    Args:
        box, size: As in `pasted`.
    """
    plain = _plain_away_from_the_edge(mask)
    if any((plain % step == 0).all() for step in STEPS):
        return plain
    (_, row_weights), (_, column_weights) = _places(mask, box, size)
    wanted = _inside(mask, row_weights, column_weights)
    tried = ((np.round(plain / step) * step).astype(np.uint8) for step in STEPS)
    same = (few for few in tried if np.array_equal(_inside(few, row_weights, column_weights), wanted))
    return next(same, plain)


def _plain_away_from_the_edge(mask: np.ndarray) -> np.ndarray:
    """Interpolation mixes neighbours alone, and a mixture of values on one side of one half stays on that side."""
    padded = np.pad(mask > HALF, 1, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.where(around.all((2, 3)), 255, np.where(around.any((2, 3)), mask, 0)).astype(np.uint8)


Axis = tuple[np.ndarray, np.ndarray]  # pixels (n,) that an axis of the box covers, what each reads of S cells (n, S)


def _places(mask: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> tuple[Axis, Axis]:
    height, width = size
    return (
        _samples(box[1] * height, box[3] * height, height, len(mask)),
        _samples(box[0] * width, box[2] * width, width, len(mask)),
    )


def _samples(start: float, stop: float, length: int, side: int) -> Axis:
    """The pixels of an axis within ``start`` and ``stop``, and how much of ``side`` cells each of them reads."""
    centres = (np.arange(length) + 0.5 - start) / max(stop - start, 1e-9) * side - 0.5
    pixels = np.flatnonzero((centres >= -0.5) & (centres <= side - 0.5))
    away = np.abs(np.clip(centres[pixels], 0, side - 1)[:, None] - np.arange(side))
    return pixels, np.clip(1 - away, 0, None)


def _inside(mask: np.ndarray, row_weights: np.ndarray, column_weights: np.ndarray) -> np.ndarray:
    return row_weights @ mask.astype(np.float64) @ column_weights.T > HALF
