"""What the splits share: groups (patients, slides) and identical files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import DataError
from bench.data.audit.command import audit_command
from bench.data.base import Dataset

if TYPE_CHECKING:
    import pandas as pd

DUPLICATE = "duplicate"  # the kind of leak that identical files in several splits are


def find_leaks(dataset: Dataset, table: pd.DataFrame, hashes: np.ndarray) -> dict[str, list[str]]:
    """Return kind -> the groups, or the first id of each set of identical samples, found in more than one split.

    Entries of a shared array file carry that file's hash and cannot be distinguished here; `bench data audit`
    compares their pixels.
    """
    used = (table["split"] != "").to_numpy()
    split = table["split"][used]
    found: dict[str, list[str]] = {}
    if "group" in table:
        found[dataset.group_kind] = _in_several(table["group"][used], split)
    if not {"path", "index"} <= set(table.columns):
        doubled = _in_several(hashes[used], split)
        first = dict(zip(hashes[used][::-1], table["id"][used][::-1], strict=True))
        found[DUPLICATE] = sorted(first[digest] for digest in doubled)
    return {kind: members for kind, members in found.items() if members}


def check_leaks(dataset: Dataset, table: pd.DataFrame, hashes: np.ndarray, root: Path) -> dict[str, int]:
    """Return kind -> number of leaks that the protocol declares.

    Raises:
        DataError: A leak is not declared in the rule's ``leaks``; the message names one group or sample and the fix.
    """
    found = find_leaks(dataset, table, hashes)
    for kind, members in found.items():
        if kind not in dataset.rule.leaks:
            raise DataError(
                f"{dataset.plugin_name()}[protocol={dataset.protocol}]: {len(members)} {kind}(s) in several splits, "
                f"e.g. {members[0]!r}. {_remedy(dataset, kind, root)}"
            )
    return {kind: len(members) for kind, members in found.items()}


def _remedy(dataset: Dataset, kind: str, root: Path) -> str:
    """What to do about a leak: splits that keep groups together, where the data set can draw some, before all else."""
    together = [name for name, rule in dataset.protocols.items() if getattr(rule, "group", "") == "group"]
    draw = f"draw splits that keep them together (-o protocol={together[0]}), or " if together else ""
    if kind != dataset.group_kind:
        return f"See `{audit_command(dataset, root)}`; remove them, or {dataset.leak_fix.format(kind=kind)}."
    told = f"{draw}{dataset.leak_fix.format(kind=kind)}."
    return told[0].upper() + told[1:]


def _in_several(keys: pd.Series | np.ndarray, split: pd.Series) -> list[str]:
    """Keys whose rows lie in more than one split, sorted."""
    import pandas as pd

    pairs = pd.DataFrame({"key": np.asarray(keys), "split": np.asarray(split)}).drop_duplicates()
    return sorted(str(key) for key in pairs["key"][pairs["key"].duplicated()].unique())
