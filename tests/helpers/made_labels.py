"""Handwritten digits as files with a list: three properties of each, and its value."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

ROUND, CLOSED = {0, 3, 6, 8, 9}, {0, 4, 6, 8, 9}
COLUMNS = ("path", "round", "closed", "even", "value")


def listed_digits(folder: Path, count: int = 60) -> Path:
    """Write images and ``list.csv``, whose ``value`` is 10 for each step of the digit; returns the list."""
    folder.mkdir(parents=True, exist_ok=True)
    bunch, file = load_digits(), folder / "list.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for number in range(count):
            digit, name = int(bunch.target[number]), f"{number:03d}.png"
            Image.fromarray((bunch.images[number] * 15.9).astype("uint8")).resize((16, 16)).save(folder / name)
            writer.writerow([name, int(digit in ROUND), int(digit in CLOSED), 1 - digit % 2, f"{10 * digit + 0.5}"])
    return file
