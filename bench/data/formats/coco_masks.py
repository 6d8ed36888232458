"""The mask of one object as COCO writes it: polygons, or run lengths as numbers or in its text code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.core import extras
from bench.core.errors import DataError

_FORMS = "Its segmentation must be a list of polygons [x, y, x, y, ...], or run lengths"
_CORNERS = 6  # numbers of the smallest polygon: fewer are a point or a line, which hold no pixel
_SHIFT, _MORE, _SIGN = 48, 0x20, 0x10  # of the text code: first character, one follows, below zero


def empty_parts(shape: Any) -> int:
    """How many parts of a segmentation are points or lines; they hold no pixel and are left out."""
    return sum(_is_line(part) for part in shape) if isinstance(shape, list) else 0


def mask_of(shape: Any, extent: tuple[int, int], name: str) -> np.ndarray:
    """The mask (H, W) bool of a segmentation; nothing where there is none.

    Args:
        extent: Height and width of the image.
        name: Of the mask, for messages.

    Raises:
        DataError: The segmentation is of another form or does not fit the image.
    """
    extras.check("faster_coco_eval", f"Reading {name}")
    from faster_coco_eval.core import mask as rle

    if isinstance(shape, dict):
        return _from_runs(_runs(shape, extent, name), extent)
    if shape is not None and not isinstance(shape, list):
        raise DataError(f"{name} is {type(shape).__name__}. {_FORMS}. Repair it.")
    polygons = [_polygon(part, extent, name) for part in shape or () if not _is_line(part)]
    if not polygons:
        return np.zeros(extent, dtype=bool)
    return rle.decode(rle.merge(rle.frPyObjects(polygons, *extent))).astype(bool)


def _is_line(part: Any) -> bool:
    return isinstance(part, list) and len(part) < _CORNERS and len(part) % 2 == 0 and all(map(_is_number, part))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _polygon(part: Any, extent: tuple[int, int], name: str) -> list[float]:
    if not isinstance(part, list) or not all(map(_is_number, part)) or len(part) % 2:
        raise DataError(f"{name} has a part that is no list of x and y. {_FORMS}. Repair it.")
    places = np.array(part, dtype=float).reshape(-1, 2) / extent[::-1]
    if not np.isfinite(places).all() or (places < -1).any() or (places > 2).any():  # drawn, it would fill the memory
        raise DataError(f"{name} has a corner that is not finite, or far outside of its image. Repair it.")
    return part


def _runs(shape: dict[str, Any], extent: tuple[int, int], name: str) -> np.ndarray:
    """Lengths (n,) of runs outside and inside of the mask in turn, which fill the image."""
    size, counts = shape.get("size"), shape.get("counts")
    if not isinstance(size, list) or tuple(size) != extent:
        raise DataError(f"{name} is for an image of {size}, but its image is {list(extent)}. Repair it.")
    runs = _decoded(counts) if isinstance(counts, str) else counts
    whole = isinstance(runs, list) and all(isinstance(run, int) and run >= 0 for run in runs)
    if not isinstance(runs, list) or not whole or sum(runs) != math.prod(extent):
        raise DataError(f"{name} has run lengths that do not fill its image {list(extent)}. Repair it.")
    return np.array(runs)


def _from_runs(runs: np.ndarray, extent: tuple[int, int]) -> np.ndarray:
    """Runs go down the columns."""
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(extent[::-1]).T


def _decoded(text: str) -> list[int] | None:
    """Run lengths of COCO's text code: five bits a character, each length after the second less that two before.

    None where the text ends within a number.
    """
    runs: list[int] = []
    value = shift = 0
    for code in (ord(character) - _SHIFT for character in text):
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & _MORE:
            signed = value - (1 << shift) if code & _SIGN else value
            runs.append(signed + runs[-2] if len(runs) > 2 else signed)
            value = shift = 0
    return None if shift else runs
