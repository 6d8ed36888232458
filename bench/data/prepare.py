"""From an adapter and a protocol to a checked table with splits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.errors import DataError
from bench.data.audit.command import audit_command
from bench.data.audit.leaks import check_leaks
from bench.data.augment.chance import sample_keys
from bench.data.base import Dataset
from bench.data.formats.folders import printable
from bench.data.tables.identity import (
    content_hashes,
    data_identity,
    file_digests,
    samples_identity,
    target_hashes,
    targets_identity,
)
from bench.data.tables.splits import EXTERNAL, blank, need
from bench.data.tables.subset import shrink
from bench.data.tables.target_facts import TargetFacts, target_facts
from bench.data.tables.untrained import check_objects, check_targets, likely_cause, untrained_classes

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Prepared:
    """A data set under one protocol, ready to be decoded and trained on.

    Attributes:
        dataset: The adapter with its fields.
        root: The data root.
        table: All samples (where each has one class: the labelled ones) in the adapter's order; ``split`` is "train",
            "val", "test", "external", or "" for samples that the protocol or ``shots`` leave out. They stay, so that
            every protocol and subset shares one decoded cache.
        identity: sha256 of the used samples' bytes, their rows and the adapter's source: what a record agrees with.
        content: sha256 of what decoding all rows depends on, whatever the split: with `rows_key`, what kept features
            agree with.
        target_content: The same of the label maps; empty where targets are not maps.
        counts: Used samples per split.
        classes: The number of classes, C; 0 where the task has none.
        class_names: Names in label order; empty when unknown.
        hashes: (n,) sha256 of each row's bytes.
        differences: With ``partial``: split or file -> {"expected": ..., "found": ...} where they differ.
        untrained: With ``partial``: labels without a training sample.
        leaks: What this protocol mixes on these data: kind -> number of groups or files in more than one split.
        notes: What a reader of a table should know of these data, a line each.
        text: (C, d) text features of the classes that the data set brings, or None.
    """

    dataset: Dataset
    root: Path
    table: pd.DataFrame
    identity: str
    content: str
    counts: dict[str, int]
    classes: int
    target_content: str = ""
    class_names: tuple[str, ...] = ()
    hashes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=object), repr=False)
    differences: dict[str, Any] = field(default_factory=dict)
    untrained: tuple[int, ...] = ()
    leaks: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    text: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def keys(self) -> np.ndarray:
        """A number for each row, (n,) uint64, made from its id alone: what a sample's chance is drawn with."""
        return sample_keys(self.table["id"])

    def rows_key(self, split: str) -> str:
        """sha256 of which rows a split has: their numbers, which find them in `content`, and their ids."""
        rows = self.rows(split)
        named = [rows.tolist(), self.table["id"].iloc[rows].tolist()]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()

    def rows(self, split: str) -> np.ndarray:
        """Return the row numbers of a split, (n,) int64, ascending."""
        return self._rows[split]

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        found = self.table["split"].to_numpy()
        return {split: np.flatnonzero(found == split) for split in (*SPLITS, EXTERNAL)}


def prepare(dataset: Dataset, root: Path, data_seed: int, partial: bool = False) -> Prepared:
    """Read the table, apply the protocol and check everything that can be checked without decoding.

    Args:
        dataset: The adapter with its fields.
        root: The data root.
        data_seed: Chooses ``shots`` / ``fraction`` subsets, and the splits of protocols that say so.
        partial: Accept counts that differ from what is expected and classes without training samples, and report them.

    Raises:
        DataError: Data are missing, the table breaks the contract, counts differ from what is expected, a class has no
            training sample, the splits share a group or file that the protocol does not declare, or a subset is asked
            of validation data that the protocol does not have.
    """
    name = dataset.plugin_name()
    table = checked_table(dataset, root)
    names, classes = dataset.class_names(root), class_count(dataset, table, root)
    table["split"] = assign(dataset, table, data_seed)
    differences = {**compare(table, dataset.expects(), classes), **compare_files(dataset, root)}
    if differences and not partial:
        raise DataError(_differ(name, dataset.protocol, differences))
    hashes, targets = content_hashes(dataset, table, root), target_hashes(dataset, table, root)
    facts = target_facts(dataset, table, root, hashes, targets)
    check_targets(table, facts, classes)
    check_objects(dataset, table, facts, root)
    untrained = untrained_classes(dataset, table, classes, facts)
    if untrained and not partial:
        lacking = [class_name(names, label) for label in untrained]
        raise DataError(_untrained(name, dataset.protocol, lacking, likely_cause(table, facts)))
    leaks = check_leaks(dataset, table, hashes, root)
    if (dataset.val_shots or dataset.val_fraction) and not (table["split"] == "val").any():
        field = "val_fraction" if dataset.val_shots is None else "val_shots"
        raise DataError(f"{name}: protocol {dataset.protocol!r} has no validation split. Leave out {field}.")
    table["split"] = shrink(table, "train", dataset.shots, dataset.fraction, data_seed)
    table["split"] = shrink(table, "val", dataset.val_shots, dataset.val_fraction, data_seed)
    counts = split_counts(table)
    text = dataset.text_features(root)
    return Prepared(
        dataset=dataset,
        root=root,
        table=table,
        identity=data_identity(dataset, table, hashes, targets, text),
        content=samples_identity(dataset, table, hashes),
        counts=counts,
        classes=classes,
        target_content=targets_identity(dataset, targets),
        class_names=names,
        hashes=hashes,
        differences=differences,
        untrained=untrained,
        leaks=leaks,
        notes=(*_notes(dataset, counts), *left_out(dataset, facts), *dataset.notes(root)),
        text=text,
    )


def _notes(dataset: Dataset, counts: dict[str, int]) -> tuple[str, ...]:
    """Few-shot training whose selection sees many labels is no few-shot learning."""
    whole = dataset.val_shots is None and dataset.val_fraction is None
    if dataset.shots is None or not whole or not counts["val"]:
        return ()
    return (f"{dataset.shots} shots train, but all {counts['val']} validation samples may select (see val_shots)",)


def left_out(dataset: Dataset, facts: TargetFacts | None) -> tuple[str, ...]:
    """What a reader of a table should know of annotations that reading leaves out: one line, or none."""
    lines = [line for row in facts.left_out for line in row] if facts else []
    named = f"`{audit_command(dataset)}` names them"
    return (f"{len(lines)} annotations are left out ({named}): {lines[0]}",) if lines else ()


def class_count(dataset: Dataset, table: pd.DataFrame, root: Path) -> int:
    """The number of classes, C; where samples have not one class each, the number of names, if any."""
    names = dataset.class_names(root)
    return len(names) if names or not dataset.task_plugin.single_label else int(table["label"].max()) + 1


def class_name(names: tuple[str, ...], label: int) -> str:
    """A class's name, or its number where names are unknown."""
    return names[label] if names else str(label)


def checked_table(dataset: Dataset, root: Path) -> pd.DataFrame:
    """Return the adapter's samples, the labelled ones where each has one class, as a fresh table with a RangeIndex.

    Raises:
        DataError: The table breaks the contract of `Dataset.samples`.
    """
    name, classifies = dataset.plugin_name(), dataset.task_plugin.single_label
    table = dataset.samples(root)
    for column in ("id", "label") if classifies else ("id",):
        if column not in table:
            raise DataError(f"{name}: samples() gave no column {column!r}, which a {dataset.task} data set needs.")
    if "path" not in table and "index" not in table:
        raise DataError(f"{name}: samples() must give the column 'path' or 'index'.")
    doubled = table["id"][table["id"].duplicated()]
    if len(doubled):
        raise DataError(f"{name}: the id {doubled.iloc[0]!r} stands twice in the table.")
    table = (table[table["label"] != -1] if classifies else table).reset_index(drop=True)
    if table.empty:
        kind = "labelled sample" if classifies else "sample"
        raise DataError(f"{name}: no {kind} was found under {printable(dataset.location(root))}.")
    if classifies:
        _check_labels(name, table, len(dataset.class_names(root)))
    return table


def _check_labels(name: str, table: pd.DataFrame, classes: int) -> None:
    labels = table["label"].to_numpy()
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise DataError(f"{name}: labels must be whole numbers from 0 up or -1, found {labels.dtype} {labels.min()}.")
    if classes and labels.max() >= classes:
        wrong = table["id"][table["label"] >= classes].iloc[0]
        raise DataError(f"{name}: {wrong} has label {labels.max()}, but there are {classes} classes, from 0.")


def split_counts(table: pd.DataFrame) -> dict[str, int]:
    """Samples of each split; of the external one where there are some."""
    counts = {split: int((table["split"] == split).sum()) for split in (*SPLITS, EXTERNAL)}
    return {split: count for split, count in counts.items() if count or split != EXTERNAL}


def assign(dataset: Dataset, table: pd.DataFrame, data_seed: int) -> pd.Series:
    """Apply the protocol's rule and check that train and test are there.

    Rows that the column ``external`` marks are a split of their own, which the rule does not see.

    Raises:
        DataError: The rule cannot be applied, or gives other values than train, val, test and "".
    """
    if EXTERNAL in table:
        inside, whole = ~table[EXTERNAL].to_numpy(dtype=bool), blank(table, EXTERNAL)
        whole[inside] = assign(dataset, table[inside].drop(columns=EXTERNAL), data_seed)
        return whole
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
        members = table["split"].isin(SPLITS) if split == "total" else table["split"] == split
        seen = int(members.sum())
        if isinstance(count, tuple):
            seen = np.bincount(need(table, "label")[members].to_numpy(), minlength=classes).tolist()
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


def _untrained(name: str, protocol: str, names: list[str], cause: str) -> str:
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return (
        f"{name}[protocol={protocol}]: no training sample of {len(names)} class(es): {shown}. "
        + (f"Likely {cause}. " if cause else "")
        + "Complete the data or use another protocol, or accept it with --partial (every table will say so)."
    )


def _differ(name: str, protocol: str, differences: dict[str, Any]) -> str:
    parts = []
    for split, pair in differences.items():
        expected, found = pair["expected"], pair["found"]
        if isinstance(expected, list):
            expected, found = f"{sum(expected)} {expected}", f"{sum(found)} {found}"
        parts.append(f"{split} {found} instead of {expected}")
    text = f"{name}[protocol={protocol}]: found {', '.join(parts)}."
    return text[:400] + " Complete the data, or accept them with --partial (every table will say so)."
