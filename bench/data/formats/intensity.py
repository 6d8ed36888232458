"""Named rules from intensities as stored to what is kept: of deep images (16 bits, float), and of volumes.

A rule is text, so that it can stand in a cell's name:

    window[-160,240]        these two values become black and white; what lies outside is clipped
    full                    of images: the window is the whole range of the integer type
    percentile[0.5,99.5]    of volumes: the window is these percentiles of each volume
    none                    of volumes: values stay as they are

An image's scale is its set's, never its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, cast, get_args

import numpy as np

from bench.core.errors import DataError

Rule = Literal["window", "full", "percentile", "none"]
Kept = Literal["uint8", "float16"]
OF_IMAGES: tuple[Rule, ...] = ("full", "window")
OF_VOLUMES: tuple[Rule, ...] = ("percentile", "window", "none")
_EXAMPLES = {"window": "window[0,4095]", "percentile": "percentile[0.5,99.5]"}
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_RULE = re.compile(rf"({'|'.join(get_args(Rule))})(?:\[{_NUMBER},{_NUMBER}\])?")


@dataclass(frozen=True)
class Intensity:
    """How intensities become 0..1, or 0..255 as uint8.

    Attributes:
        rule: See the module.
        low, high: Of a window its two intensities (Hounsfield units, say), of percentiles their numbers in 0..100.
        kept: "uint8" (255 steps), or "float16".

    Raises:
        ValueError: The numbers are in the wrong order, or no percentiles.
    """

    rule: Rule = "percentile"
    low: float = 0.5
    high: float = 99.5
    kept: Kept = "uint8"

    def __post_init__(self) -> None:
        written = f"{self.rule}[{self.low:g},{self.high:g}]"
        if not self.low < self.high:
            raise ValueError(f"{written} is empty; its first value must be the smaller one")
        if self.rule == "percentile" and not (self.low >= 0 and self.high <= 100):
            raise ValueError(f"{written}: percentiles lie in 0..100")

    @classmethod
    def parse(cls, text: str, rules: Sequence[Rule], kept: Kept = "uint8") -> Self:
        """The rule that a text names.

        Args:
            rules: Those to choose from.

        Raises:
            ValueError: It is none of them, or its numbers are in the wrong order.
        """
        match = _RULE.fullmatch(text)
        if match is None or match[1] not in rules or (match[1] in _EXAMPLES) != (match[2] is not None):
            known = ", ".join(_EXAMPLES.get(rule, rule) for rule in rules)
            raise ValueError(f"no intensity rule {text!r}; write one such as {known}")
        rule = cast(Rule, match[1])
        return cls(rule, float(match[2]), float(match[3]), kept) if match[2] else cls(rule, kept=kept)

    def identity(self) -> dict[str, object]:
        """What decides the result, for a cache's key."""
        bounds = {"low": self.low, "high": self.high} if self.rule in _EXAMPLES else {}
        return {"rule": self.rule, **bounds, "kept": self.kept}

    def bounds(self, values: np.ndarray, name: str) -> tuple[float, float]:
        """The intensities that become 0 and 1; of a volume as its file holds it, before any padding.

        Args:
            name: Of the sample, for messages.

        Raises:
            DataError: The percentiles are one intensity, or the values' type has no full range.
        """
        if self.rule == "window":
            return self.low, self.high
        if self.rule == "full":
            return _range(values, name)
        return self._percentiles(values, name) if self.rule == "percentile" else (0.0, 1.0)

    def _percentiles(self, values: np.ndarray, name: str) -> tuple[float, float]:
        low, high = (float(value) for value in np.percentile(values, (self.low, self.high)))
        if low == high:
            raise DataError(
                f"{name}: its percentiles {self.low:g} and {self.high:g} are both {low:g}. "
                "Use contrast=window, or percentiles that are further apart."
            )
        return low, high

    def apply(self, values: np.ndarray, bounds: tuple[float, float], name: str) -> np.ndarray:
        """Values of any shape to uint8 or float16.

        Raises:
            DataError: With "none", values do not fit the type that is kept.
        """
        if self.rule == "none":
            return self._as_they_are(values, name)
        low, high = bounds
        scaled = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
        return np.rint(scaled * 255).astype(np.uint8) if self.kept == "uint8" else scaled.astype(np.float16)

    def _as_they_are(self, values: np.ndarray, name: str) -> np.ndarray:
        """Resampling makes values between whole ones; those outside the range are what cannot be kept."""
        least, most = float(values.min()), float(values.max())
        top = 255.0 if self.kept == "uint8" else float(np.finfo(np.float16).max)
        if least < (0.0 if self.kept == "uint8" else -top) or most > top:
            found = f"intensities from {least:g} to {most:g}"
            raise DataError(f"{name}: {found} do not fit {self.kept}. Use contrast=window or percentile.")
        return np.rint(values).astype(np.uint8) if self.kept == "uint8" else values.astype(np.float16)


def to_bytes(array: np.ndarray, rule: str, name: str) -> np.ndarray:
    """Values of an image, of any type, to uint8 of the same shape, rounded; bytes stay as they are.

    Args:
        array: What was decoded.
        rule: The data set's; empty where it has none.
        name: Of the sample, for messages.

    Raises:
        DataError: There is no rule for these values, or one of them is not a number.
    """
    if array.dtype == np.uint8:
        return array
    check_finite(array, name)
    if not rule:
        raise DataError(
            f"{_found(array, name)}, not bytes. Set intensity to the window of the whole set, such as window[0,4095] "
            "(an audit of the data set suggests one), or to full."
        )
    low, high = Intensity.parse(rule, OF_IMAGES).bounds(array, name)
    # Not by `Intensity.apply`: it divides first, which rounds a shade that lies between two to the other one.
    return np.rint(np.clip((array.astype(np.float64) - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)


def check_finite(values: np.ndarray, name: str) -> None:
    """Check that every value is a number.

    Raises:
        DataError: Some are not; the message names the sample.
    """
    if bad := int(np.count_nonzero(~np.isfinite(values))):
        held = f"{bad} of {values.size} values that are not finite numbers"
        raise DataError(f"{name} holds {held}. Replace them, e.g. by 0, or remove it.")


def suggested(kind: np.dtype, low: float, high: float) -> str:
    """The window of a whole set whose values lie in ``low`` .. ``high``: from 0 to a power of two where they fit."""
    if low >= 0 and np.issubdtype(kind, np.integer):
        return f"window[0,{2 ** max(8, int(high).bit_length()) - 1}]"
    if low >= 0 and high <= 1:
        return "window[0,1]"
    return f"window[{low:.6g},{high:.6g}]" if high > low else f"window[{low:.6g},{low + 1:.6g}]"


def _range(array: np.ndarray, name: str) -> tuple[float, float]:
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"{_found(array, name)}, which have no full range. Set intensity to a window such as window[0,1]."
        )
    facts = np.iinfo(array.dtype)
    return float(facts.min), float(facts.max)


def _found(array: np.ndarray, name: str) -> str:
    return f"{name} holds {array.dtype} values ({array.min():g} to {array.max():g})"
