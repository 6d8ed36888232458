"""Named rules from a volume's own intensities to what is kept: a fixed window, percentiles, or none.

A rule is text, so that it can stand in a cell's name: ``percentile[0.5,99.5]``, ``window[-160,240]`` or ``none``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from bench.core.errors import DataError, UsageError

Rule = Literal["percentile", "window", "none"]
Kept = Literal["uint8", "float16"]
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_RULE = re.compile(rf"(percentile|window)\[{_NUMBER},{_NUMBER}\]")


@dataclass(frozen=True)
class Contrast:
    """How intensities become 0..1, or 0..255 as uint8.

    Attributes:
        rule: "percentile" maps the volume's own percentiles ``low`` and ``high`` to 0 and 1; "window" maps the fixed
            intensities ``low`` and ``high`` (Hounsfield units, say); "none" takes values as they are.
        kept: "uint8" (255 steps), or "float16".
    """

    rule: Rule = "percentile"
    low: float = 0.5
    high: float = 99.5
    kept: Kept = "uint8"

    def __post_init__(self) -> None:
        if self.rule != "none" and not self.low < self.high:
            raise UsageError(f"contrast={self.rule}: low must be below high, not {self.low:g} and {self.high:g}.")
        if self.rule == "percentile" and not (self.low >= 0 and self.high <= 100):
            raise UsageError(f"contrast=percentile: {self.low:g} and {self.high:g} must lie in 0..100.")

    @classmethod
    def parse(cls, text: str, kept: Kept = "uint8") -> Self:
        """The rule that a text names.

        Raises:
            UsageError: It is no rule, or its numbers are in the wrong order.
        """
        if text == "none":
            return cls("none", kept=kept)
        match = _RULE.fullmatch(text)
        if match is None:
            raise UsageError(f"No contrast {text!r}. Write percentile[0.5,99.5], window[-160,240] or none.")
        rule: Rule = "percentile" if match[1] == "percentile" else "window"
        return cls(rule, float(match[2]), float(match[3]), kept)

    def identity(self) -> dict[str, object]:
        """What decides the result, for a cache's key."""
        bounds = {} if self.rule == "none" else {"low": self.low, "high": self.high}
        return {"rule": self.rule, **bounds, "kept": self.kept}

    def bounds(self, values: np.ndarray, name: str) -> tuple[float, float]:
        """The intensities that become 0 and 1; of the volume as its file holds it, before any padding.

        Raises:
            DataError: The percentiles are one intensity.
        """
        if self.rule != "percentile":
            return (self.low, self.high) if self.rule == "window" else (0.0, 1.0)
        low, high = (float(value) for value in np.percentile(values, (self.low, self.high)))
        if low == high:
            raise DataError(
                f"{name}: its percentiles {self.low:g} and {self.high:g} are both {low:g}. "
                "Use contrast=window, or percentiles that are further apart."
            )
        return low, high

    def apply(self, values: np.ndarray, bounds: tuple[float, float], name: str) -> np.ndarray:
        """Float32 values of any shape to uint8 or float16.

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
