"""Learning rate per optimiser step."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.core.errors import UsageError, nearest


def cosine(base: float, total: int, warmup: int, step: int) -> float:
    """Linear warm-up that ends at ``base``, then half a cosine that reaches 0 one step after the last."""
    if step < warmup:
        return base * (step + 1) / warmup
    return 0.5 * base * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def constant(base: float, total: int, warmup: int, step: int) -> float:
    """Linear warm-up that ends at ``base``, then ``base``."""
    return base * (step + 1) / warmup if step < warmup else base


def steps(base: float, total: int, warmup: int, step: int) -> float:
    """Linear warm-up that ends at ``base``, then a tenth of it from half of all steps on, and a hundredth from three
    quarters on."""
    return (
        constant(base, total, warmup, step) * (0.1 if 2 * step >= total else 1) * (0.1 if 4 * step >= 3 * total else 1)
    )


def linear(base: float, total: int, warmup: int, step: int) -> float:
    """Linear warm-up that ends at ``base``, then a straight line that reaches 0 one step after the last."""
    return base * (step + 1) / warmup if step < warmup else base * (total - step) / (total - warmup)


def one_cycle(base: float, total: int, warmup: int, step: int) -> float:
    """Half a cosine up from ``base / 25``, half a cosine down to ``base / 250,000`` at the last step, as torch's
    OneCycleLR (Smith and Topin, 2017); up during the warm-up or, where there is none, three tenths of all steps."""
    top = (warmup or 0.3 * total) - 1
    if step <= top:
        return _half_cosine(base / 25, base, step / top if top else 1.0)
    return _half_cosine(base, base / 25e4, (step - top) / (total - 1 - top))


def _half_cosine(begin: float, end: float, done: float) -> float:
    return end + (begin - end) / 2 * (1 + math.cos(math.pi * done))


def released(base: float, total: int, warmup: int, step: int) -> float:
    """CLAdapter's released code: warm-up from 0.01 base; the cosine counts from step 0, so the rate drops after it.

    ``total`` includes one epoch that is never run, which leaves a small rate at the end. The order of operations is
    theirs, so that the stored schedule is met to the last digit.
    """
    if step < warmup:
        done = step / warmup
        return base * (0.01 * (1 - done) + done)
    return 0.5 * base * (1 + math.cos(math.pi * step / total))


_SCHEDULES: dict[str, Callable[[float, int, int, int], float]] = {
    "cosine": cosine,
    "constant": constant,
    "released": released,
    "steps": steps,
    "linear": linear,
    "one_cycle": one_cycle,
}


def learning_rate(
    kind: str, base: float, epochs: int, warmup_epochs: int, steps_per_epoch: int, epoch: int, step: int
) -> float:
    """Return the rate of one optimiser step.

    Args:
        kind: As in a recipe.
        base: Rate at the end of the warm-up.
        epochs, warmup_epochs: Of the stage; a warm-up as long as the stage leaves nothing after it.
        steps_per_epoch: Optimiser steps in an epoch.
        epoch, step: Both from 0; `step` counts within the epoch.

    Raises:
        UsageError: No schedule has this name.
    """
    if kind not in _SCHEDULES:
        raise UsageError(f"No schedule {kind!r}. {nearest(kind, _SCHEDULES)}")
    total = (epochs + 1 if kind == "released" else epochs) * steps_per_epoch
    return _SCHEDULES[kind](base, total, warmup_epochs * steps_per_epoch, epoch * steps_per_epoch + step)
