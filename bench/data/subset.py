"""Smaller training splits: ``shots`` and ``fraction``, nested and seeded.

Every sample gets a rank within its class from sha256(data_seed, axis, id). A subset is the first ranks, so 4 shots are
part of 8 shots, and which samples are chosen depends neither on the table's order nor on the other samples. Samples
without labels (of tasks other than classification) are ranked together.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from bench.core.errors import DataError
from bench.data.splits import strata

if TYPE_CHECKING:
    import pandas as pd


def shrink(table: pd.DataFrame, shots: int | None, fraction: float | None, data_seed: int) -> pd.Series:
    """Return the ``split`` column with the surplus training samples set to "".

    Args:
        table: Columns ``id``, ``split`` and, of a classification task, ``label``.
        shots: Training samples kept per class, or None; `Dataset` refuses it for other tasks.
        fraction: Share kept of each class's training samples (rounded up, so at least one), or None.
        data_seed: Chooses the samples.

    Raises:
        DataError: A class has fewer training samples than ``shots``.
    """
    split = table["split"].copy()
    if shots is None and fraction is None:
        return split
    training = table[split == "train"]
    ranks = _ranks(training, data_seed)
    sizes = training.groupby(strata(training))["id"].transform("size")
    if shots is not None:
        _check_shots(training, shots)
        keep = ranks < shots
    else:
        assert fraction is not None
        keep = ranks < sizes.map(lambda size: math.ceil(size * fraction - 1e-9))
    split[training.index[~keep]] = ""
    return split


def _ranks(training: pd.DataFrame, data_seed: int) -> pd.Series:
    """Rank of each sample within its class, 0-based."""
    import pandas as pd

    keys = [hashlib.sha256(f"{data_seed}/subset/{name}".encode()).hexdigest() for name in training["id"]]
    ordered = pd.DataFrame({"label": strata(training), "key": keys}, index=training.index).sort_values("key")
    return ordered.groupby("label").cumcount().reindex(training.index)


def _check_shots(training: pd.DataFrame, shots: int) -> None:
    sizes = training["label"].value_counts()
    if len(sizes) and sizes.min() < shots:
        label = sizes.idxmin()
        raise DataError(f"shots={shots}: class {label} has only {sizes.min()} training samples. Ask for fewer shots.")
