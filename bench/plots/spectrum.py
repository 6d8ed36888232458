"""Singular values of weights and of their updates: the picture that motivates adapters of low rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spectrum:
    """Of one weight matrix.

    Attributes:
        name: The parameter's.
        weight: Singular values of the pre-trained weight, largest first.
        update: Those of what training added to it; None where the two have been given only once.
    """

    name: str
    weight: np.ndarray
    update: np.ndarray | None

    def rank_for(self, energy: float, of: str = "update") -> int:
        """How many singular values hold this share of the squared sum; 0 for an update of zero."""
        values = self.weight if of == "weight" else self.update
        if values is None or not values.any():
            return 0
        held = np.cumsum(values**2) / np.sum(values**2)
        return int(np.searchsorted(held, energy - 1e-12) + 1)


def spectra(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray] | None = None) -> list[Spectrum]:
    """Singular values of every matrix of a network, and of what training has changed of it.

    Args:
        before: Parameters by name; those with fewer than two axes are left out, filters are matrices (out, rest).
        after: The same names after training; None: weights alone.

    Raises:
        ValueError: A matrix is missing afterwards or has another shape.
    """
    found = []
    for name, value in before.items():
        if value.ndim < 2 or min(value.shape[0], value[0].size) < 2:
            continue
        update = None if after is None else _values(_changed(name, value, after))
        found.append(Spectrum(name, _values(value), update))
    return found


def _changed(name: str, value: np.ndarray, after: Mapping[str, np.ndarray]) -> np.ndarray:
    if name not in after or after[name].shape != value.shape:
        raise ValueError(f"{name} is not there afterwards in the same shape")
    return after[name].astype(np.float64) - value


def _values(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.svd(matrix.reshape(len(matrix), -1).astype(np.float64), compute_uv=False)
