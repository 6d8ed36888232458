"""Files of features made elsewhere: safetensors with ``NAME.x`` (n, d), ``NAME.y`` (n,) and what they say of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.core.errors import DataError, MissingData

_UNIT = 2e-3  # float16 rounds the length of a unit vector by less


@dataclass(frozen=True)
class FeatureFile:
    """One file: its arrays and its metadata."""

    stem: str
    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]

    @property
    def classes(self) -> list[str]:
        """Names in label order."""
        found: list[str] = json.loads(self.metadata["classes"])
        return found


def opened(path: Path) -> FeatureFile:
    """A feature file, checked, and read once while it stays as it is.

    Raises:
        MissingData: It is not there.
        DataError: It is no safetensors file, or says of its features what is not so.
    """
    if not path.is_file():
        raise MissingData(f"There are no features at {path}. Put the file there, or name another.")
    return _opened(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _opened(path: Path, mtime_ns: int) -> FeatureFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as stream:
            keys = stream.keys()
            file = FeatureFile(path.stem, {key: stream.get_tensor(key) for key in keys}, stream.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise DataError(f"Cannot read {path}: {error}. Replace the file.") from error
    _check(file, path)
    return file


def _check(file: FeatureFile, path: Path) -> None:
    for key in ("classes", "normalised"):
        if key not in file.metadata:
            raise DataError(f"{path} does not say {key!r} in its metadata. See docs/few_shot.md.")
    said = file.metadata["normalised"].startswith("true")
    for name, array in file.arrays.items():
        if array.ndim == 2:
            lengths = np.linalg.norm(array.astype(np.float32), axis=1)
            if said != bool((np.abs(lengths - 1) < _UNIT).all()):
                raise DataError(f"{path} says normalised={said}, and {name} is not so. Correct one.")
        elif len(array) != len(file.arrays[name.removesuffix(".y") + ".x"]):
            raise DataError(f"{path}: {name} and its features differ in length.")


def unit(x: np.ndarray) -> np.ndarray:
    """Rows divided by their lengths."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)
