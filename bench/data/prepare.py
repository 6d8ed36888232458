"""From an adapter and a protocol to a checked table with splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.base import Dataset
from bench.data.identity import content_hashes, data_identity, file_digests
from bench.data.leaks import check_leaks
from bench.data.subset import shrink
from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Prepared:
    """A data set under one protocol, ready to be decoded and trained on.

    Attributes:
        dataset: The adapter with its fields.
        root: The data root.
        table: All labelled samples in the adapter's order; ``split`` is "train", "val", "test", or "" for samples that
            the protocol or ``shots`` leave out. They stay, so that every protocol and subset shares one decoded cache.
        identity: sha256 of the used samples' bytes, their rows and the adapter's source.
        counts: Used samples per split.
        classes: The number of classes, C.
        class_names: Names in label order; empty when unknown.
        hashes: (n,) sha256 of each row's bytes.
        differences: With ``partial``: split or file -> {"expected": ..., "found": ...} where they differ.
        leaks: What this protocol mixes on these data: kind -> number of groups or files in more than one split.
    """

    dataset: Dataset
    root: Path
    table: pd.DataFrame
    identity: str
    counts: dict[str, int]
    classes: int
    class_names: tuple[str, ...] = ()
    hashes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=object), repr=False)
    differences: dict[str, Any] = field(default_factory=dict)
    leaks: dict[str, int] = field(default_factory=dict)

    def rows(self, split: str) -> np.ndarray:
        """Return the row numbers of a split, (n,) int64, ascending."""
        return np.flatnonzero((self.table["split"] == split).to_numpy())


def prepare(dataset: Dataset, root: Path, data_seed: int, partial: bool = False) -> Prepared:
    """Read the table, apply the protocol and check everything that can be checked without decoding.

    Args:
        dataset: The adapter with its fields.
        root: The data root.
        data_seed: Chooses ``shots`` / ``fraction`` subsets.
        partial: Accept counts that differ from what is expected, and report them.

    Raises:
        DataError: Data are missing, the table breaks the contract, counts differ from what is expected, or the splits
            share a group or file that the protocol does not declare.
    """
    name = dataset.plugin_name()
    table = checked_table(dataset, root)
    names = dataset.class_names(root)
    classes = len(names) or int(table["label"].max()) + 1
    table["split"] = assign(dataset, table, data_seed)
    differences = {**compare(table, dataset.expects(), classes), **compare_files(dataset, root)}
    if differences and not partial:
        raise DataError(_differ(name, dataset.protocol, differences))
    hashes = content_hashes(dataset, table, root)
    leaks = check_leaks(dataset, table, hashes)
    table["split"] = shrink(table, dataset.shots, dataset.fraction, data_seed)
    return Prepared(
        dataset=dataset,
        root=root,
        table=table,
        identity=data_identity(dataset, table, hashes),
        counts=_counts(table),
        classes=classes,
        class_names=names,
        hashes=hashes,
        differences=differences,
        leaks=leaks,
    )


def checked_table(dataset: Dataset, root: Path) -> pd.DataFrame:
    """Return the adapter's labelled samples as a fresh table with a RangeIndex.

    Raises:
        DataError: The table breaks the contract of `Dataset.samples`.
    """
    name = dataset.plugin_name()
    table = dataset.samples(root)
    for column in ("id", "label"):
        if column not in table:
            raise DataError(f"{name}: samples() gave no column {column!r}.")
    if "path" not in table and "index" not in table:
        raise DataError(f"{name}: samples() must give the column 'path' or 'index'.")
    doubled = table["id"][table["id"].duplicated()]
    if len(doubled):
        raise DataError(f"{name}: the id {doubled.iloc[0]!r} stands twice in the table.")
    table = table[table["label"] != -1].reset_index(drop=True)
    if table.empty:
        raise DataError(f"{name}: no labelled sample was found under {dataset.location(root)}.")
    _check_labels(name, table, len(dataset.class_names(root)))
    return table


def _check_labels(name: str, table: pd.DataFrame, classes: int) -> None:
    labels = table["label"].to_numpy()
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise DataError(f"{name}: labels must be whole numbers from 0 up or -1, found {labels.dtype} {labels.min()}.")
    if classes and labels.max() >= classes:
        wrong = table["id"][table["label"] >= classes].iloc[0]
        raise DataError(f"{name}: {wrong} has label {labels.max()}, but there are {classes} classes, from 0.")


def assign(dataset: Dataset, table: pd.DataFrame, data_seed: int) -> pd.Series:
    """Apply the protocol's rule and check that train and test are there.

    Raises:
        DataError: The rule cannot be applied, or gives other values than train, val, test and "".
    """
    split = dataset.rule(table, data_seed)
    unknown = sorted(set(split) - {*SPLITS, ""})
    if unknown:
        raise DataError(f"{dataset.plugin_name()}: the protocol {dataset.protocol!r} gave the split {unknown[0]!r}.")
    for needed in ("train", "test"):
        if not (split == needed).any():
            raise DataError(f"{dataset.plugin_name()}: protocol {dataset.protocol!r} leaves the {needed} split empty.")
    return split


def compare(table: pd.DataFrame, expected: dict[str, Any], classes: int) -> dict[str, Any]:
    """Return split -> {"expected", "found"} where the counts (per class if stated so) differ."""
    found: dict[str, Any] = {}
    for split, count in expected.items():
        members = table["split"] != "" if split == "total" else table["split"] == split
        labels = table["label"][members].to_numpy()
        seen = np.bincount(labels, minlength=classes).tolist() if isinstance(count, tuple) else len(labels)
        wanted = list(count) if isinstance(count, tuple) else count
        if seen != wanted:
            found[split] = {"expected": wanted, "found": seen}
    return found


def compare_files(dataset: Dataset, root: Path) -> dict[str, Any]:
    """Return file -> {"expected", "found"} where a published checksum differs."""
    found: dict[str, Any] = {}
    for path, checksum in dataset.checksums().items():
        algorithm, _, expected = checksum.partition(":")
        digest = str(file_digests(dataset.location(root), [path], algorithm)[0])
        if digest != expected:
            found[path] = {"expected": checksum, "found": f"{algorithm}:{digest}"}
    return found


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {split: int((table["split"] == split).sum()) for split in SPLITS}


def _differ(name: str, protocol: str, differences: dict[str, Any]) -> str:
    parts = []
    for split, pair in differences.items():
        expected, found = pair["expected"], pair["found"]
        if isinstance(expected, list):
            expected, found = f"{sum(expected)} {expected}", f"{sum(found)} {found}"
        parts.append(f"{split} {found} instead of {expected}")
    text = f"{name}[protocol={protocol}]: found {', '.join(parts)}."
    return text[:400] + " Complete the data, or accept them with --partial (every table will say so)."
