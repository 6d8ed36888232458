"""The feature cache: frozen features of a finite set of images, computed once and memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.backbones import Features, FeatureSpec
from bench.core.disk_cache import Arrays, DiskCache, Layout

Rows = slice | np.ndarray


@dataclass(frozen=True)
class CachedFeatures:
    """Features of n images, float32.

    Attributes:
        pooled: (n, pooled_dim).
        tokens: (n, N, token_dim) when asked for.
        finer: Maps (n, C, H, W) of the backbone's levels, all but the last, which is the tokens.
    """

    pooled: np.ndarray
    tokens: np.ndarray | None
    spec: FeatureSpec
    finer: tuple[np.ndarray, ...] = ()

    def batch(self, rows: Rows, device: torch.device) -> Features:
        """The features of some rows on a device; tokens have N = 0 when they were not asked for."""
        pooled = gathered(self.pooled, rows, device)
        if self.tokens is None:
            return Features(torch.empty(len(pooled), 0, self.spec.token_dim, device=device), pooled)
        tokens = gathered(self.tokens, rows, device)
        if not self.spec.levels:
            return Features(tokens, pooled)
        coarsest = tokens.transpose(1, 2).unflatten(2, self.spec.grid)
        return Features(tokens, pooled, levels=(*(gathered(level, rows, device) for level in self.finer), coarsest))


@dataclass(frozen=True)
class FeatureCache:
    """Features in a disk cache. What is larger than its limit is not kept, and computed on every use."""

    disk_cache: DiskCache

    def get(
        self, identity: dict[str, Any], count: int, spec: FeatureSpec, tokens: bool,
        compute: Callable[[], Iterator[Features]],
    ) -> CachedFeatures | None:  # fmt: skip
        """Return cached features, computing what is missing in one pass; None when they are too large to keep.

        Args:
            identity: Everything that decides the features' bits.
            count: Number of images, n.
            spec: Where it has levels, they and the tokens are kept too.
            compute: Yields features of consecutive images, in a fixed batch shape.
        """
        layouts = {"pooled": Layout((count, spec.pooled_dim), "float32")}
        if tokens or spec.levels:
            layouts["tokens"] = Layout((count, spec.tokens, spec.token_dim), "float32")
        finer = {f"level{number}": shape for number, shape in enumerate(spec.levels[:-1])}
        layouts |= {name: Layout((count, *shape), "float32") for name, shape in finer.items()}
        if not self.disk_cache.fits(layouts):
            return None
        arrays = self.disk_cache.get(identity, layouts, lambda: (on_host(batch, layouts) for batch in compute()))
        return CachedFeatures(arrays["pooled"], arrays.get("tokens"), spec, tuple(arrays[name] for name in finer))


def on_host(features: Features, names: Iterable[str]) -> Arrays:
    """Those of ``pooled`` (B, pooled_dim), ``tokens`` (B, N, token_dim) and ``level0`` ... (B, C, H, W) that are named,
    as float32 arrays."""
    found = {"pooled": features.pooled, "tokens": features.tokens}
    found |= {f"level{number}": level for number, level in enumerate(features.levels or ())}
    return {name: found[name].float().cpu().numpy() for name in names}


def gathered(array: np.ndarray, rows: Rows, device: torch.device) -> Tensor:
    """Rows of a memory-mapped array on a device, copied once into memory that torch has aligned."""
    places = np.arange(len(array))[rows] if isinstance(rows, slice) else rows
    batch = torch.empty((len(places), *array.shape[1:]), dtype=torch.float32)
    np.take(array, places, axis=0, out=batch.numpy(), mode="clip")  # "raise" would copy twice
    return pinned(batch, device).to(device, non_blocking=True)


def pinned(batch: Tensor, device: torch.device) -> Tensor:
    """The batch in memory from which a copy to a CUDA device does not block."""
    return batch.pin_memory() if device.type == "cuda" else batch
