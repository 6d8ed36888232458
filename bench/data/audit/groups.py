"""A list of a data set's samples with a group for all that look alike or share their pixels, to draw splits from."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bench.core.errors import UsageError
from bench.data.base import Dataset
from bench.data.prepare import checked_table
from bench.data.tables.splits import EXTERNAL

if TYPE_CHECKING:
    import pandas as pd


def grouped_list(dataset: Dataset, root: Path, report: dict[str, Any], file: Path) -> str:
    """CSV with ``path`` (relative to the file), what is learned of each sample as far as it stands in the table, and
    ``group``.

    Samples are of one group where a chain of pairs that look alike, equal pixels or given groups joins them.

    Args:
        report: The audit's.
        file: Where it will lie.

    Raises:
        UsageError: Samples are no files of their own.
    """
    table = checked_table(dataset, root)
    if EXTERNAL in table:  # a split of its own, whatever is drawn
        table = table[~table[EXTERNAL].to_numpy(dtype=bool)].reset_index(drop=True)
    if "path" not in table or "index" in table or table["path"].duplicated().any():
        raise UsageError(f"The samples of {dataset.plugin_name()} are no files of their own, which a list could name.")
    columns = {
        "path": _paths(dataset, root, table["path"].tolist(), file),
        **_targets(dataset, table, dataset.class_names(root)),
        "group": groups_of(table, report),
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def groups_of(table: pd.DataFrame, report: dict[str, Any]) -> list[str]:
    """The group of each sample: the id of its first member."""
    place = {name: row for row, name in enumerate(table["id"])}
    sets = [[place[name] for name in one["samples"] if name in place] for one in _sets(report)]
    if "group" in table:
        sets += [[int(row) for row in rows] for rows in table.groupby("group").indices.values()]
    ends = np.array([(one[0], other) for one in sets for other in one[1:]], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(table), len(table)))
    numbers = connected_components(graph, directed=False)[1]
    _, firsts = np.unique(numbers, return_index=True)
    return [str(table["id"].iloc[firsts[number]]) for number in numbers]


def _sets(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from report["near_duplicates"]
    yield from report["duplicates"]


def _paths(dataset: Dataset, root: Path, paths: list[str], file: Path) -> list[str]:
    """Paths as the list has to name them."""
    way = os.path.relpath(os.path.realpath(dataset.location(root)), os.path.realpath(file.parent))
    return [os.path.normpath(f"{way}/{path}").replace(os.sep, "/") for path in paths]


def _targets(dataset: Dataset, table: pd.DataFrame, names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Classes, labels or numbers, in the columns that the data set has them in."""
    column = getattr(dataset, "label_column", "label")
    if "value" in table:
        return {column: table["value"].tolist()}
    if "labels" in table and getattr(dataset, "label_columns", None):
        return {name: [row[number] for row in table["labels"]] for number, name in enumerate(names)}
    if "labels" in table:
        cells = [";".join(name for name, there in zip(names, row, strict=True) if there) for row in table["labels"]]
        return {column: cells}
    if "label" in table:
        return {column: [names[label] if names else label for label in table["label"]]}
    return {}
