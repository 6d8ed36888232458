"""Near duplicates: images that look alike by a perceptual hash, although their pixels differ.

The hash is the usual one of the cosine transform: the image in grey at 32 x 32 pixels, the 8 x 8 lowest frequencies of
its DCT, one bit each: whether it lies above their median. Pairs with at most `NEAR` differing bits are looked at again
at 32 x 32 pixels, since smooth images share low frequencies by chance, and kept where these correlate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dctn

from bench.data.formats.extents import is_image

SIDE, FREQUENCIES = 32, 8
BITS = FREQUENCIES**2
NEAR = 6  # differing bits
ALIKE = 0.9  # correlation of the 32 x 32 pixels
_FLAT = 4.0  # standard deviation of grey values below which there is nothing to compare
_AT_ONCE = 4096  # images compared with one
_PIECES = np.array_split(np.arange(BITS, dtype=np.uint64), NEAR + 1)  # bits of a hash


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


def near_links(thumbnails: list[np.ndarray | None]) -> list[Pair]:
    """Pairs that look alike, as few as join each connected set of images that do: n - 1 of n, the nearest first."""
    places = [place for place, small in enumerate(thumbnails) if small is not None]
    search = _Search([small for small in thumbnails if small is not None])
    links: list[Pair] = []
    for begin in range(len(places)):
        waiting = [begin] if search.take(begin) else []
        while waiting:
            one = waiting.pop()
            for other, distance, alike in search.taken_near(one):
                waiting.append(other)
                first, second = sorted((places[one], places[other]))
                links.append(Pair(first, second, distance, alike))
    return sorted(links, key=lambda link: (link.distance, -link.alike, link.one, link.other))


class _Search:
    """Images that no set has taken yet, found by the pieces of their hashes; whoever is taken is not compared again."""

    def __init__(self, thumbnails: list[np.ndarray]) -> None:
        self.thumbnails = thumbnails
        self.hashes = np.array([perceptual_hash(small) for small in thumbnails], dtype=np.uint64)
        self.free = np.ones(len(thumbnails), dtype=bool)
        self.shelves = [_shelf(self.hashes, piece) for piece in _PIECES]

    def take(self, one: int) -> bool:
        """Take an image for a new set; False: a set has it already."""
        was = bool(self.free[one])
        self.free[one] = False
        return was

    def taken_near(self, one: int) -> Iterator[tuple[int, int, float]]:
        """Take all free images that look like one, each with the bits that differ and the correlation."""
        for shelf, piece in zip(self.shelves, _PIECES, strict=True):
            key = int(_piece(self.hashes[one], piece))
            shelf[key] = shelf[key][self.free[shelf[key]]]
            distances = np.bitwise_count(self.hashes[shelf[key]] ^ self.hashes[one])
            near = distances <= NEAR
            alikes = self._alike(one, shelf[key][near])
            for other, distance, alike in zip(shelf[key][near].tolist(), distances[near].tolist(), alikes, strict=True):
                if alike >= ALIKE:
                    self.free[other] = False
                    yield other, distance, alike

    def _alike(self, one: int, others: np.ndarray) -> Iterator[float]:
        unit = _unit(self.thumbnails[one])
        for begin in range(0, len(others), _AT_ONCE):
            units = [_unit(self.thumbnails[other]) for other in others[begin : begin + _AT_ONCE]]
            yield from (np.stack(units) @ unit).tolist()


def _shelf(hashes: np.ndarray, piece: np.ndarray) -> dict[int, np.ndarray]:
    """Value of a piece of the hash -> the images that have it."""
    found: dict[int, list[int]] = defaultdict(list)
    for place, value in enumerate(_piece(hashes, piece).tolist()):
        found[value].append(place)
    return {value: np.array(places) for value, places in found.items()}


def _piece(hashes: np.ndarray, bits: np.ndarray) -> np.ndarray:
    return (hashes >> bits[0]) & np.uint64(2 ** len(bits) - 1)


def _unit(small: np.ndarray) -> np.ndarray:
    values = small.ravel().astype(np.float32) - small.mean()
    return values / np.linalg.norm(values)
