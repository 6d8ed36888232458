"""From outcomes to records: metrics are computed here, from the logits that are stored beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.environment import environment, git_revision
from bench.errors import BenchError
from bench.metrics import classification
from bench.plan import Task
from bench.recipes import PRESETS
from bench.records import Record
from bench.records.schema import Curves, Failure, Flags, Hardware, Macs, Parameters, Part, Selection, StageResult, prediction_key
from bench.training.stages import StageOutcome

SPLITS = ("val", "test")


def labels_of(task: Task, split: str) -> np.ndarray:
    """Labels (n,) of a split, in table order."""
    return task.prepared.table["label"].to_numpy(dtype=np.int64)[task.prepared.rows(split)]


def stage_result(task: Task, outcome: StageOutcome) -> StageResult:
    """Metrics and curves of one stage."""
    progress = outcome.progress
    return StageResult(
        name=outcome.job.stage.name,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch + 1,
        selection=outcome.job.selection,
        metrics={split: classification(labels_of(task, split), logits) for split, logits in outcome.logits.items()},
        n={split: len(logits) for split, logits in outcome.logits.items()},
        curves=Curves(**progress.curves),
        trainable=outcome.trainable,
    )


def predictions(task: Task, logits: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays beside the record: ids and labels a split, logits a stage and split.

    Args:
        logits: Stage name -> split -> (n, C).
    """
    found: dict[str, np.ndarray] = {}
    for stage, by_split in logits.items():
        for split, values in by_split.items():
            ids = task.prepared.table["id"].to_numpy()[task.prepared.rows(split)]
            found[prediction_key(split, "ids")] = ids.astype(str)
            found[prediction_key(split, "labels")] = labels_of(task, split)
            found[prediction_key(split, "logits", stage)] = values.astype(np.float32)
    return found


def identity_fields(task: Task) -> dict[str, Any]:
    """The record's fields that do not depend on the outcome."""
    cell, resolved = task.cell, task.resolved
    return dict(
        cell=str(cell),
        dataset=Part(name=cell.dataset.name, params=resolved.dataset.model_dump(mode="json")),
        protocol=resolved.dataset.protocol,
        backbone=Part(name=cell.backbone.name, params={"size": resolved.backbone.size or task.weights.size}),
        method=Part(name=cell.method.name, params=resolved.method.model_dump(mode="json")),
        recipe=Part(name=cell.recipe.name, params=resolved.recipe.model_dump(mode="json")),
        seed=cell.seed,
        data_seed=cell.data_seed_value,
        fingerprints=task.fingerprints,
        git_revision=git_revision(),
        environment=environment(),
    )


def flags(task: Task, notes: list[str]) -> Flags:
    """What a reader must know before believing the numbers."""
    prepared, weights = task.prepared, task.weights
    return Flags(
        partial=bool(prepared.differences),
        differences=prepared.differences,
        leaks=list(prepared.dataset.rule.leaks),
        overlap=weights.trained_on if any(w.lower() in weights.trained_on.lower() for w in prepared.dataset.overlaps) else "",
        test_selected=task.selection == "test_best",
        batch_norm_frozen=weights.batch_norm == "frozen",
        assumed=sorted(PRESETS[task.cell.recipe.name].assumed),
        notes=[note for note in (prepared.dataset.rule.note, *notes) if note],
    )


def trained_record(
    task: Task, outcomes: list[StageOutcome], parameters: Parameters, macs: Macs, hardware: Hardware
) -> tuple[Record, dict[str, np.ndarray]]:
    """Record and predictions of a cell whose stages have all finished."""
    notes = [f"micro-batches: {o.micro_batches}" for o in outcomes if o.micro_batches > 1]
    record = Record(
        **identity_fields(task),
        stages=[stage_result(task, outcome) for outcome in outcomes],
        selection=_selection(task),
        test_openings=sum(outcome.openings for outcome in outcomes),
        parameters=parameters,
        macs=macs,
        flags=flags(task, notes),
        diagnostics={o.job.stage.name: o.diagnostics for o in outcomes if o.diagnostics},
        hardware=hardware,
    )
    return record, predictions(task, {o.job.stage.name: o.logits for o in outcomes})


def failed_record(task: Task, error: BenchError, hardware: Hardware) -> Record:
    """Record of a cell that failed."""
    return Record(
        **identity_fields(task),
        status="failed",
        error=Failure(kind=error.kind, message=str(error)),
        flags=flags(task, []),
        hardware=hardware,
    )


def _selection(task: Task) -> Selection:
    by = {"test_best": "test", "val_best": "val"}.get(task.selection, "none")
    return Selection(criterion=task.selection, by=by)
