"""Predictions of runs as charts and lists of errors read them: the last stage's logits with their targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.core.errors import UsageError
from bench.records import Record, prediction_key
from bench.records.schema import CLASS_NAMES
from bench.tables.filters import SPLITS, check_split

Run = tuple[Record, dict[str, np.ndarray]]


def classified(runs: Sequence[Run], split: str = "test") -> list[tuple[np.ndarray, np.ndarray]]:
    """Targets (n,) and logits (n, classes) of each run, in float64.

    Raises:
        UsageError: There is no run, the runs are not of one configuration, or one has no logits.
    """
    check_split(split)
    one_configuration(runs)
    return [_logits(record, arrays, split) for record, arrays in runs]


def one_configuration(runs: Sequence[Run]) -> Record:
    """The first of runs that differ in their seeds only.

    Raises:
        UsageError: There is no run, or they are of several configurations.
    """
    names = {record.cell.rpartition("/")[0] for record, _ in runs}
    if len(names) != 1:
        raise UsageError(
            f"The picture needs one configuration, not {len(names)}. Name it, as in digits/pico/cladapter."
        )
    return runs[0][0]


def _logits(record: Record, arrays: dict[str, np.ndarray], split: str) -> tuple[np.ndarray, np.ndarray]:
    targets = arrays.get(prediction_key(split, "targets"))
    for stage in reversed(record.stages):
        logits = arrays.get(prediction_key(split, "logits", stage.name))
        if targets is not None and targets.ndim == 1 and logits is not None and logits.ndim == 2:
            return targets.astype(np.int64), logits.astype(np.float64)
    if targets is None and (kept := [name for name in SPLITS if prediction_key(name, "targets") in arrays]):
        raise UsageError(f"{record.cell} has no predictions of the {split} split. Choose --split {' or '.join(kept)}.")
    raise UsageError(f"{record.cell} has no {split} logits of classes: its task is {record.task}.")


def class_names(runs: Sequence[Run]) -> tuple[str, ...]:
    """Class names in label order, as the first run's predictions hold them, else as the data set's card does; empty
    where neither knows them."""
    from bench.plugins import registry

    if not runs:
        return ()
    record, arrays = runs[0]
    if CLASS_NAMES in arrays:
        return tuple(str(name) for name in arrays[CLASS_NAMES])
    try:
        names = registry.load("datasets", record.dataset.name).classes
    except UsageError:
        return ()
    return tuple(names)


def names_of(number: int, given: Sequence[str]) -> list[str]:
    """One name a class; its number where nobody knows the name."""
    return [given[i] if i < len(given) else str(i) for i in range(number)]
