"""The feature bank: frozen features of un-augmented images, computed once and memory-mapped."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.lib.format import open_memmap

from bench.backbones import Features, FeatureSpec

Rows = slice | np.ndarray


@dataclass(frozen=True)
class Banked:
    """Features of n images: pooled (n, pooled_dim) and, when asked for, tokens (n, N, token_dim), float32."""

    pooled: np.ndarray
    tokens: np.ndarray | None
    spec: FeatureSpec

    def batch(self, rows: Rows, device: torch.device) -> Features:
        """The features of some rows on a device; tokens have N = 0 when they were not asked for."""
        pooled = torch.from_numpy(np.array(self.pooled[rows]))
        if self.tokens is None:
            tokens = torch.empty(len(pooled), 0, self.spec.token_dim)
        else:
            tokens = torch.from_numpy(np.array(self.tokens[rows]))
        return Features(tokens.to(device), pooled.to(device))


class FeatureBank:
    """Folders of banked features, with a limit on their total size.

    Args:
        folder: Where they lie; shared by all results folders of a user.
        limit_gb: Least recently used entries go when the total would pass this. An entry that is larger by itself is
            not kept; its features are computed on every use.
    """

    def __init__(self, folder: Path, limit_gb: float) -> None:
        self.folder, self.limit = folder, int(limit_gb * 1e9)

    def fits(self, count: int, spec: FeatureSpec, tokens: bool) -> bool:
        """Whether the features of ``count`` images may be kept."""
        return sum(4 * math.prod(shape) for shape in _shapes(count, spec, tokens).values()) <= self.limit

    def get(
        self, identity: dict[str, Any], count: int, spec: FeatureSpec, tokens: bool,
        compute: Callable[[], Iterator[tuple[slice, Features]]],
    ) -> Banked:  # fmt: skip
        """Return banked features, computing what is missing in one pass.

        Args:
            identity: Everything that decides the features' bits; its hash is the entry's folder.
            count: Number of images, n.
            compute: Yields (rows, features) in order, in a fixed batch shape.
        """
        place = self.folder / hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f"{place.name}.lock"):
            place.mkdir(exist_ok=True)
            missing = {k: v for k, v in _shapes(count, spec, tokens).items() if not (place / f"{k}.npy").exists()}
            if missing:
                _fill(place, missing, compute)
            os.utime(place)
        self.evict(keep=place)
        names = ("pooled", "tokens") if tokens else ("pooled",)
        arrays = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in names}
        return Banked(arrays["pooled"], arrays.get("tokens"), spec)

    def evict(self, keep: Path) -> None:
        """Remove the least recently used entries until the total is within the limit."""
        entries = sorted((p for p in self.folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        sizes = {entry: sum(file.stat().st_size for file in entry.glob("*.npy")) for entry in entries}
        for entry in entries:
            if sum(sizes.values()) <= self.limit:
                return
            if entry != keep:
                shutil.rmtree(entry, ignore_errors=True)
                sizes.pop(entry)


def _shapes(count: int, spec: FeatureSpec, tokens: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"pooled": (count, spec.pooled_dim)}
    if tokens:
        shapes["tokens"] = (count, spec.tokens, spec.token_dim)
    return shapes


def _fill(
    place: Path, shapes: dict[str, tuple[int, ...]], compute: Callable[[], Iterator[tuple[slice, Features]]]
) -> None:
    temporary = {name: place / f".{name}-{os.getpid()}.tmp" for name in shapes}
    arrays = {n: open_memmap(temporary[n], mode="w+", dtype=np.float32, shape=shape) for n, shape in shapes.items()}
    try:
        for rows, features in compute():
            for name, array in arrays.items():
                array[rows] = getattr(features, name).float().cpu().numpy()
        for name, array in arrays.items():
            array.flush()
            os.replace(temporary[name], place / f"{name}.npy")
    finally:
        for file in temporary.values():
            file.unlink(missing_ok=True)
