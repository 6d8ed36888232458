"""What we measured, in the few words that a verdict needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = "the default"


@dataclass(frozen=True)
class Ours:
    """Our runs of one configuration.

    Attributes:
        values: The metric of each seed: a fraction 0..1, or a plain count for parameters and operations.
        n_test: Test samples.
        identity: What the configuration is: `dataset`, `protocol`, `backbone`, `method`, `recipe`, `metric`, and
            further fields such as `recipe.resize` where they are not at their defaults.
        identical_split: Whether the published number was measured on the very same test samples.
        item_variance: Variance of one run's value over test items; for an accuracy p(1-p)/n is used instead.
        deterministic: Counts that no seed changes.
        opened: When the test split was first looked at (seconds since 1970), where known.
        cells: Names of the runs.
    """

    values: tuple[float, ...]
    n_test: int | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    identical_split: bool = False
    item_variance: float | None = None
    deterministic: bool = False
    opened: float | None = None
    cells: tuple[str, ...] = ()

    @property
    def seeds(self) -> int:
        """Number of runs."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return math.fsum(self.values) / len(self.values)

    @property
    def variance(self) -> float:
        """Unbiased variance over seeds; at least two are needed."""
        return math.fsum((value - self.mean) ** 2 for value in self.values) / (len(self.values) - 1)


def differing(expected: Mapping[str, str], identity: Mapping[str, str]) -> list[str]:
    """The identity fields that differ, each as ``backbone.size: 112 instead of the default``."""
    return [
        f"{key}: {identity.get(key, DEFAULT)} instead of {expected.get(key, DEFAULT)}"
        for key in dict.fromkeys((*expected, *identity))
        if identity.get(key, DEFAULT) != expected.get(key, DEFAULT)
    ]
