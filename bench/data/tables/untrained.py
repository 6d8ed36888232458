"""Classes without a training sample, pixel, box or object: no method can learn them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.core.errors import DataError
from bench.data.audit.command import audit_command
from bench.data.base import Dataset
from bench.data.formats.annotations import check_numbers
from bench.data.tables.target_facts import TargetFacts

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def untrained_classes(
    dataset: Dataset, table: pd.DataFrame, classes: int, facts: TargetFacts | None
) -> tuple[int, ...]:
    """Labels that no training sample has, where each should be in some.

    Args:
        classes: The number of classes.
        facts: Of the table's targets, where they lie with the samples.
    """
    if dataset.rule.unseen:
        return ()
    if facts is not None:
        trained = _trained(table, facts)
    elif dataset.task_plugin.single_label:
        trained = set(table["label"][table["split"] == "train"])
    elif "labels" in table:
        rows = table["labels"][table["split"] == "train"]
        trained = {label for row in rows for label, there in enumerate(row) if there}
    else:
        return ()
    return tuple(label for label in range(classes) if label not in trained)


def check_targets(table: pd.DataFrame, facts: TargetFacts | None, classes: int) -> None:
    """Raise DataError where a target names a class that the data set does not have."""
    if facts is not None:
        for name, labels in zip(table["id"], facts.classes, strict=True):
            check_numbers(np.array(labels), classes, name)


def check_objects(dataset: Dataset, table: pd.DataFrame, facts: TargetFacts | None, root: Path) -> None:
    """Raise DataError where targets lie with the samples, and no training sample holds anything."""
    if facts is not None and not _trained(table, facts):
        raise DataError(
            f"{dataset.plugin_name()}[protocol={dataset.protocol}]: no training sample has an object. "
            f"See what `{audit_command(dataset, root)}` says of its annotations."
        )


def likely_cause(table: pd.DataFrame, facts: TargetFacts | None) -> str:
    """Why a label map's classes may lack a pixel, in words; else nothing."""
    if facts is None or not any(facts.ignored[row] for row in _training_rows(table)) or _trained(table, facts) - {0}:
        return ""
    return "masks of 0 and 255: store 1 for 255, which counts nowhere"


def _trained(table: pd.DataFrame, facts: TargetFacts) -> set[int]:
    return {label for row in _training_rows(table) for label in facts.classes[row]}


def _training_rows(table: pd.DataFrame) -> list[int]:
    return [row for row, split in enumerate(table["split"]) if split == "train"]
