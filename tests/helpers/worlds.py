"""Worlds with a known truth: methods, items and seeds drawn as the crossed design has them.

A method gets an item right when ability + item + method x item + seed + residual is above zero; all but the ability
are normal draws. The shares of items, interaction and residual add up to a variance of 1, the seeds come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

CLASSES = np.array([0.4, 0.3, 0.2, 0.1])  # shares of items, for metrics that need labels
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(41)


@dataclass(frozen=True)
class World:
    """How much of what varies.

    Attributes:
        seed_points: Standard deviation over seeds, in points of accuracy; one number, or one a method.
        interaction: Share of the variance that a method and an item (or group) have for themselves.
        group: Items in a group that share the interaction; 1 for none.
    """

    name: str
    seed_points: float | tuple[float, ...]
    accuracy: float = 0.85
    item: float = 0.45
    interaction: float = 0.25
    group: int = 1

    def seed_scale(self, methods: int) -> np.ndarray:
        """Standard deviation of the seeds' draws for each method."""
        density = np.exp(-(ndtri(self.accuracy) ** 2) / 2) / np.sqrt(2 * np.pi)
        return np.broadcast_to(np.asarray(self.seed_points) / 100 / density, (methods,))

    def draw(self, rng: np.random.Generator, shape: tuple[int, int, int], accuracies: list[float]) -> np.ndarray:
        """Right or wrong (replicates, k, n, S), for (replicates, n, S); ``accuracies`` are the methods' true ones."""
        replicates, n, seeds = shape
        k, scale = len(accuracies), self.seed_scale(len(accuracies))
        ability = ndtri(np.array(accuracies)) * np.sqrt(1 + scale**2)

        def normal(*size: int) -> np.ndarray:
            return rng.standard_normal(size, dtype=np.float32)

        found = normal(replicates, k, n, seeds) * np.float32(np.sqrt(1 - self.item - self.interaction))
        found += normal(replicates, 1, n, 1) * np.float32(np.sqrt(self.item))
        own = normal(replicates, k, -(-n // self.group), 1) * np.float32(np.sqrt(self.interaction))
        found += np.repeat(own, self.group, axis=2)[:, :, :n]
        found += normal(replicates, k, 1, seeds) * scale[:, None, None].astype(np.float32)
        return found > -ability[:, None, None].astype(np.float32)

    def macro_f1(self, accuracy: float) -> float:
        """Expected macro-F1 over seeds of a method with this accuracy, on endless items with labels as `labels`."""
        scale = float(self.seed_scale(1)[0])
        right = ndtr(ndtri(accuracy) * np.sqrt(1 + scale**2) + scale * NODES)[:, None]
        marked = CLASSES * right + (1 - right) * ((1 - CLASSES) / (len(CLASSES) - 1))
        f1 = (2 * CLASSES * right / (CLASSES + marked)).mean(1)
        return float(f1 @ WEIGHTS / WEIGHTS.sum())

    def accuracy_of(self, macro_f1: float) -> float:
        """Accuracy that gives this expected macro-F1."""
        return float(brentq(lambda p: self.macro_f1(p) - macro_f1, 0.01, 0.999))


REGIMES = (
    World("items dominate", 0.2),
    World("seeds matter", 1.5),
    World("seeds dominate", 4.0),
    World("ceiling", 0.3, accuracy=0.985),
    World("no method x item", 0.5, item=0.6, interaction=0.0),
)


def labels(n: int) -> np.ndarray:
    """(n,) labels in fixed shares, in no order that matters."""
    return np.searchsorted(np.cumsum(CLASSES), (np.arange(n) + 0.5) / n).astype(int)


def predictions(rng: np.random.Generator, right: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Predicted classes (..., n, S) from right or wrong: the label, or one of the others at random."""
    others = rng.integers(1, len(CLASSES), right.shape, dtype=np.int8)
    return np.where(right, truth[:, None], (truth[:, None] + others) % len(CLASSES))
