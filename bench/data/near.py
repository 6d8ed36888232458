"""Near duplicates: images that look alike by a perceptual hash, although their pixels differ.

The hash is the usual one of the cosine transform: the image in grey at 32 x 32 pixels, the 8 x 8 lowest frequencies of
its DCT, one bit each: whether it lies above their median. Pairs with at most `NEAR` differing bits are looked at again
at 32 x 32 pixels, since smooth images share low frequencies by chance, and kept where these correlate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dctn

from bench.data.extents import is_image

SIDE, FREQUENCIES = 32, 8
BITS = FREQUENCIES**2
NEAR = 6  # differing bits
ALIKE = 0.9  # correlation of the 32 x 32 pixels
_FLAT = 4.0  # standard deviation of grey values below which there is nothing to compare
_ROWS = 512  # compared at a time with all others


@dataclass(frozen=True)
class Pair:
    """Two samples, by their places, that look alike.

    Attributes:
        distance: Differing bits of their hashes, of `BITS`.
        alike: Correlation of their small grey images.
    """

    one: int
    other: int
    distance: int
    alike: float


def thumbnail(values: np.ndarray) -> np.ndarray | None:
    """A decoded image as (32, 32) uint8 in grey; None for volumes, and for images too small or too flat to compare.

    Values other than bytes are spread over their own range, which is enough to look alike by.
    """
    if not (values.ndim == 2 or is_image(values.shape)) or min(values.shape[:2]) < SIDE:
        return None
    if values.dtype != np.uint8:
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        values = ((values.astype(np.float64) - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    grey = Image.fromarray(values).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    small = np.asarray(grey)
    return small if small.std() >= _FLAT else None


def perceptual_hash(small: np.ndarray) -> int:
    """The hash of a thumbnail, a number of 64 bits."""
    lowest = dctn(small.astype(np.float64), norm="ortho")[:FREQUENCIES, :FREQUENCIES].ravel()
    bits = lowest > np.median(lowest[1:])
    return int(np.packbits(bits).view(">u8")[0])


def near_pairs(thumbnails: list[np.ndarray | None]) -> Iterator[Pair]:
    """All pairs that look alike, in order of their places."""
    places = np.array([place for place, small in enumerate(thumbnails) if small is not None], dtype=np.int64)
    kept = [small for small in thumbnails if small is not None]
    hashes = np.array([perceptual_hash(small) for small in kept], dtype=np.uint64)
    flat = np.array([_unit(small) for small in kept]).reshape(len(kept), SIDE * SIDE)
    for begin in range(0, len(kept), _ROWS):
        distances = np.bitwise_count(hashes[begin : begin + _ROWS, None] ^ hashes[None, begin:])
        for row, column in np.argwhere(distances <= NEAR):
            if row < column:
                alike = float(flat[begin + row] @ flat[begin + column])
                if alike >= ALIKE:
                    one, other = int(places[begin + row]), int(places[begin + column])
                    yield Pair(one, other, int(distances[row, column]), alike)


def _unit(small: np.ndarray) -> np.ndarray:
    values = small.ravel().astype(np.float32) - small.mean()
    return values / np.linalg.norm(values)
