"""How far a stage has come, in plain numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.tasks.base import Metric, better


@dataclass
class Progress:
    """What a learner remembers between epochs; plain numbers, so that JSON restores it exactly.

    Attributes:
        best_score: The selecting metric of the best epoch; None before the first.
        micro_batches: Parts a batch is split into, as the recipe says or more, for lack of memory; more than 1 changes
            rounding, so a resumed learner goes on with as many.
        curves: Name -> one number an epoch.
        finished: What `Method.finish` told of the selected state; None before it was asked.
        loss_scale: What the loss is multiplied by for the backward pass; 1 except in half precision.
        finite_steps: Steps since it last changed.
    """

    epoch: int = 0
    best_epoch: int = -1
    best_score: float | None = None
    seconds: float = 0.0
    micro_batches: int = 1
    curves: dict[str, list[float]] = field(default_factory=dict)
    finished: dict[str, Any] | None = None
    loss_scale: float = 1.0
    finite_steps: int = 0

    def note(self, **values: float) -> None:
        """Append one number to each curve named."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append(float(value))


def since_improved(scores: Sequence[float], metric: Metric) -> int:
    """Epochs after the first one that had the best score; one that is no number has never improved on another."""
    best = 0
    for epoch, score in enumerate(scores):
        best = epoch if better(metric, score, scores[best]) else best
    return max(len(scores) - 1, 0) - best


def even_parts(number: int, parts: int) -> Iterator[slice]:
    """Slices of ``range(number)`` whose lengths differ by one at most; as many as there are numbers, at most."""
    parts = min(parts, number)
    return (slice(number * part // parts, number * (part + 1) // parts) for part in range(parts))
