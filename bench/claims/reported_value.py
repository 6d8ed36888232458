"""A number as it stands in a table: which exact values could have been printed so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

NUMBER = re.compile(r"\d+(?:\.(\d+))?%?")


@dataclass(frozen=True)
class Printed:
    """A decimal number with the places it was printed to.

    All arithmetic is exact, in the printed unit (97.62 is 97.62, whether it means per cent or not).
    """

    value: Fraction
    decimals: int

    @classmethod
    def read(cls, text: str, decimals: int | None = None) -> Self | None:
        """The number of a text such as ``97.62`` or ``7.0%``; None for any other text.

        Args:
            decimals: Places of the source, where they are not those of the text.
        """
        match = NUMBER.fullmatch(text.strip())
        if match is None:
            return None
        places = len(match[1] or "") if decimals is None else decimals
        return cls(Fraction(text.strip().removesuffix("%")), places)

    @property
    def step(self) -> Fraction:
        """One unit of the last place."""
        return Fraction(1, 10**self.decimals)

    def rounds_from(self, exact: Fraction) -> bool:
        """Whether an exact value is printed so when rounded, with a tie going either way."""
        return abs(exact - self.value) <= self.step / 2

    def truncates_from(self, exact: Fraction) -> bool:
        """Whether an exact value is printed so when its further digits are cut off."""
        return self.value <= exact < self.value + self.step

    def could_be(self, exact: Fraction) -> bool:
        """Whether an exact value is printed so, rounded or truncated."""
        return self.rounds_from(exact) or self.truncates_from(exact)

    def range(self) -> tuple[Fraction, Fraction]:
        """The lowest and the highest exact value that is printed so, rounded or truncated."""
        return self.value - self.step / 2, self.value + self.step

    def unpadded(self) -> Self | None:
        """The number without trailing zeros after the point, or None when it has none: 97.60 may be 97.6."""
        places = self.decimals
        while places and self.value * 10 ** (places - 1) % 1 == 0:
            places -= 1
        return None if places == self.decimals else type(self)(self.value, places)
