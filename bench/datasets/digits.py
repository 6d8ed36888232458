"""Handwritten digits, embedded: scikit-learn's copy of the UCI optical digits (8x8, 10 classes)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data import Dataset, PerClass, Sample


class Digits(Dataset):
    """Handwritten digits 0-9, 8x8 pixels, embedded: needs no download (Alpaydin & Kaynak, UCI 1998)."""

    title = "Digits"
    words = {
        "protocol=limited": "20 a class",
    }
    task = "classification"
    homepage = "https://archive.ics.uci.edu/dataset/80"
    licence = "CC BY 4.0"
    citation = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998"
    classes = tuple("0123456789")
    protocols = {"limited": PerClass(train=20, val=20)}
    expected = {"limited": {"train": 200, "val": 200, "test": 1397}}

    def samples(self, root: Path) -> pd.DataFrame:
        labels = _digits()[1]
        ids = [f"digit{i:04d}" for i in range(len(labels))]
        return pd.DataFrame({"id": ids, "label": labels, "index": np.arange(len(labels))})

    def read(self, sample: Sample) -> np.ndarray:
        grey = _digits()[0][sample.index]
        return np.repeat(grey[..., None], 3, axis=2)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images * (255 / 16)).round().astype(np.uint8), bunch.target.astype(int)
