"""Named rules by which deep images (16 bits, float) become bytes; a scale is the set's, never an image's own.

A rule is text, so that it can stand in a cell's name: ``full`` takes the whole range of the integer type,
``window[0,4095]`` takes these two values as black and white and clips what lies outside.
"""

from __future__ import annotations

import re

import numpy as np

from bench.core.errors import DataError

FULL = "full"
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_WINDOW = re.compile(rf"window\[{_NUMBER},{_NUMBER}\]")


def check_rule(rule: str) -> None:
    """Check a rule's text; empty means that there is none.

    Raises:
        ValueError: It is neither ``full`` nor a window whose first value is the smaller.
    """
    match = _WINDOW.fullmatch(rule)
    if rule not in ("", FULL) and match is None:
        raise ValueError(f"no intensity rule {rule!r}; write full, or a window such as window[0,4095]")
    if match is not None and float(match[1]) >= float(match[2]):
        raise ValueError(f"the window {rule} is empty; its first value must be the smaller one")


def to_bytes(array: np.ndarray, rule: str, name: str) -> np.ndarray:
    """Values of any type to uint8 of the same shape, rounded; bytes stay as they are.

    Args:
        array: What was decoded.
        rule: The data set's intensity rule.
        name: Of the sample, for messages.

    Raises:
        DataError: There is no rule for these values, or one of them is not a number.
    """
    if array.dtype == np.uint8:
        return array
    check_finite(array, name)
    low, high = _range(array, rule, name)
    return np.rint(np.clip((array.astype(np.float64) - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)


def check_finite(array: np.ndarray, name: str) -> None:
    """Check that every value is a number.

    Raises:
        DataError: One is not; the message names the sample.
    """
    if not np.isfinite(array).all():
        raise DataError(f"{name} holds a value that is not a finite number. Repair or remove it.")


def suggested(kind: np.dtype, low: float, high: float) -> str:
    """The window of a whole set whose values lie in ``low`` .. ``high``: from 0 to a power of two where they fit."""
    if low >= 0 and np.issubdtype(kind, np.integer):
        return f"window[0,{2 ** max(8, int(high).bit_length()) - 1}]"
    if low >= 0 and high <= 1:
        return "window[0,1]"
    return f"window[{low:.6g},{high:.6g}]" if high > low else f"window[{low:.6g},{low + 1:.6g}]"


def _range(array: np.ndarray, rule: str, name: str) -> tuple[float, float]:
    if match := _WINDOW.fullmatch(rule):
        return float(match[1]), float(match[2])
    if rule == FULL and np.issubdtype(array.dtype, np.integer):
        facts = np.iinfo(array.dtype)
        return float(facts.min), float(facts.max)
    found = f"{name} holds {array.dtype} values ({array.min():g} to {array.max():g})"
    if rule == FULL:
        raise DataError(f"{found}, which have no full range. Set intensity to a window such as window[0,1].")
    raise DataError(
        f"{found}, not bytes. Set intensity to the window of the whole set, such as window[0,4095] "
        "(an audit of the data set suggests one), or to full."
    )
