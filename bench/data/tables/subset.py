"""Smaller training and validation splits: ``shots`` and ``fraction``, nested and seeded.

Every sample gets a rank within its class from sha256(data_seed, axis, id). A subset is the first ranks, so 4 shots are
part of 8 shots, and which samples are chosen depends neither on the table's order nor on the other samples. Samples
without labels (of tasks that give none) are ranked together.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Literal

from bench.core.errors import DataError
from bench.data.tables.splits import strata

if TYPE_CHECKING:
    import pandas as pd


def shrink(
    table: pd.DataFrame, name: Literal["train", "val"], shots: int | None, fraction: float | None, data_seed: int
) -> pd.Series:
    """Return the ``split`` column with the surplus samples of one split set to "".

    Args:
        table: Columns ``id``, ``split`` and, where samples have one, ``label``.
        name: The split.
        shots: Samples kept per class, or None; `Dataset` refuses it for tasks without one label a sample.
        fraction: Share kept of each class's samples (rounded up, so at least one), or None.
        data_seed: Chooses the samples.

    Raises:
        DataError: A class has fewer samples than ``shots``.
    """
    split = table["split"].copy()
    if shots is None and fraction is None:
        return split
    members = table[split == name]
    ranks = _ranks(members, data_seed)
    sizes = members.groupby(strata(members))["id"].transform("size")
    if shots is not None:
        _check_shots(members, name, shots)
        keep = ranks < shots
    else:
        assert fraction is not None
        keep = ranks < sizes.map(lambda size: math.ceil(size * fraction - 1e-9))
    split[members.index[~keep]] = ""
    return split


def _ranks(members: pd.DataFrame, data_seed: int) -> pd.Series:
    """Rank of each sample within its class, 0-based."""
    import pandas as pd

    keys = [hashlib.sha256(f"{data_seed}/subset/{name}".encode()).hexdigest() for name in members["id"]]
    ordered = pd.DataFrame({"label": strata(members), "key": keys}, index=members.index).sort_values("key")
    return ordered.groupby("label").cumcount().reindex(members.index)


def _check_shots(members: pd.DataFrame, name: str, shots: int) -> None:
    sizes = members["label"].value_counts()
    if len(sizes) and sizes.min() < shots:
        label, kind = sizes.idxmin(), {"train": "training", "val": "validation"}[name]
        field = "shots" if name == "train" else "val_shots"
        raise DataError(f"{field}={shots}: class {label} has only {sizes.min()} {kind} samples. Ask for fewer {field}.")
