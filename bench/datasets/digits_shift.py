"""Rotated digits, embedded: a domain shift that needs no download."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bench.data import LeaveDomainOut, Sample
from bench.data.tables.splits import fold_numbers
from bench.datasets.digits import Digits

ANGLES = (0, 15, 30, 45, 60, 75)
SIDE = 32


class DigitsShift(Digits):
    """scikit-learn's digits in 6 domains, turned by 0 to 75 degrees; no digit is in two domains.

    The idea is that of Rotated MNIST (Ghifary et al., ICCV 2015). Digits are enlarged to 32 pixels before turning.
    """

    title = "Digits, shifted"
    averages = "leave_*"
    protocols = {f"leave_{angle}": LeaveDomainOut(test=f"r{angle:02d}") for angle in reversed(ANGLES)}
    expected = {f"leave_{angle}": {"total": 1797} for angle in ANGLES}

    def samples(self, root: Path) -> pd.DataFrame:
        table = super().samples(root)
        angle = np.asarray(ANGLES)[fold_numbers(table, len(ANGLES), random_state=0)]
        table["domain"] = [f"r{degrees:02d}" for degrees in angle]
        table["id"] = table["domain"] + "/" + table["id"]
        return table

    def read(self, sample: Sample) -> np.ndarray:
        return _turned(super().read(sample).tobytes(), degrees=int(sample.id[1:3]))


@cache  # 5.5 MB in all; every preparation hashes all samples
def _turned(digit: bytes, degrees: int) -> np.ndarray:
    image = Image.frombytes("RGB", (8, 8), digit)
    enlarged = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(enlarged.rotate(degrees, Image.Resampling.BICUBIC))
