"""What targets that lie with the samples hold, read once and remembered: which classes, and what reading leaves out."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.core.atomic import write_text
from bench.core.errors import DataError
from bench.data.base import Dataset, Sample, rows_of
from bench.data.formats.annotations import IGNORED
from bench.data.formats.boxes import WIDTH, without_area
from bench.data.roots import cache_root
from bench.data.tables.identity import content_hashes, samples_identity, target_hashes, targets_identity

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

_FORMAT = 1


@dataclass(frozen=True)
class TargetFacts:
    """Facts of a table's targets, row by row.

    Attributes:
        classes: Class numbers that the target names; boxes that are not judged or have no area name none.
        ignored: Whether a label map has pixels that count nowhere.
        left_out: What `Dataset.left_out` says.
    """

    classes: list[list[int]]
    ignored: list[bool]
    left_out: list[list[str]]


def target_facts(
    dataset: Dataset, table: pd.DataFrame, root: Path, hashes: np.ndarray, targets: np.ndarray
) -> TargetFacts | None:
    """Read every target of a table; None where they stand in the table.

    Args:
        hashes, targets: What `bench.data.tables.identity.content_hashes` and `target_hashes` give.

    Raises:
        DataError: A target cannot be read; the message names it.
    """
    if dataset.task_plugin.target == "table":
        return None
    known = [_FORMAT, samples_identity(dataset, table, hashes), targets_identity(dataset, targets), dataset.task]
    key = hashlib.sha256(json.dumps([*known, table["id"].tolist()]).encode()).hexdigest()[:24]
    store = cache_root() / "targets" / f"{dataset.plugin_name()}-{key}.json"
    try:
        return TargetFacts(**json.loads(store.read_text()))
    except (OSError, ValueError, TypeError):  # not there or unreadable: only costs looking again
        found = _facts(dataset, list(rows_of(dataset, table, root)))
        write_text(store, json.dumps(asdict(found)))
        return found


def readable_facts(dataset: Dataset, table: pd.DataFrame, root: Path) -> TargetFacts | None:
    """Facts of targets for the audit: None also where one cannot be read, which is a problem that it tells itself."""
    if dataset.task_plugin.target == "table":
        return None
    try:
        hashes, targets = content_hashes(dataset, table, root), target_hashes(dataset, table, root)
        return target_facts(dataset, table, root, hashes, targets)
    except DataError:
        return None


def _facts(dataset: Dataset, samples: list[Sample]) -> TargetFacts:
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        rows = list(pool.map(lambda sample: _row(dataset, sample), samples))
    return TargetFacts([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def _row(dataset: Dataset, sample: Sample) -> tuple[list[int], bool, list[str]]:
    task, target = dataset.task_plugin, np.asarray(dataset.read_target(sample))
    ignored = task.target == "map" and bool((target == IGNORED).any())
    if task.target == "boxes":
        target = target.reshape(-1, WIDTH)
        target = target[~without_area(target) & (target[:, 5] == 0)]
    return [int(label) for label in task.classes_of(target)], ignored, list(dataset.left_out(sample))
