"""From outcomes to records: metrics are computed here, from the logits that are stored beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.cells.recipes import PRESETS
from bench.core.environment import environment, git_revision
from bench.core.errors import BenchError, DataError
from bench.data.overlap import overlap
from bench.engine.plan import Task
from bench.grid.resolve import Resolved
from bench.records import Record
from bench.records.schema import (
    Curves,
    Failure,
    Flags,
    Hardware,
    Macs,
    Parameters,
    Part,
    Selection,
    StageResult,
    prediction_key,
)
from bench.tasks.classification import absent_classes, classification
from bench.training.stages import Reported

SPLITS = ("val", "test")


def labels_of(task: Task, split: str) -> np.ndarray:
    """Labels (n,) of a split, in table order."""
    return task.prepared.table["label"].to_numpy(dtype=np.int64)[task.prepared.rows(split)]


def stage_result(task: Task, outcome: Reported) -> StageResult:
    """Metrics and curves of one stage."""
    job, progress = outcome.trained.job, outcome.trained.progress
    return StageResult(
        name=job.stage.name,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch + 1,
        selection=job.selection,
        metrics={split: classification(labels_of(task, split), logits) for split, logits in outcome.logits.items()},
        n={split: len(logits) for split, logits in outcome.logits.items()},
        curves=Curves(**progress.curves),
        trainable=outcome.trained.trainable,
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
    size = task.resolved.backbone.size or task.weights.size
    return {**named_fields(task.resolved, size), "fingerprints": task.fingerprints}


def named_fields(resolved: Resolved, size: int | None) -> dict[str, Any]:
    """What the cell's name says, in full, and where it ran."""
    cell = resolved.cell
    return dict(
        cell=str(cell),
        dataset=Part(name=cell.dataset.name, params=resolved.dataset.model_dump(mode="json")),
        protocol=resolved.dataset.protocol,
        backbone=Part(name=cell.backbone.name, params={"size": size}),
        method=Part(name=cell.method.name, params=resolved.method.model_dump(mode="json")),
        recipe=Part(name=cell.recipe.name, params=resolved.recipe.model_dump(mode="json")),
        seed=cell.seed,
        data_seed=cell.data_seed_value,
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
        overlap=overlap(prepared.dataset, weights.trained_on),
        test_selected=task.selection == "test_best",
        batch_norm_frozen=weights.batch_norm == "frozen",
        assumed=sorted(PRESETS[task.cell.recipe.name].assumed),
        absent_classes={
            **({"train": list(prepared.untrained)} if prepared.untrained else {}),
            **{split: absent for split in SPLITS if (absent := _absent(task, split))},
        },
        notes=[note for note in (prepared.dataset.rule.note, *notes) if note],
    )


def _absent(task: Task, split: str) -> list[int]:
    """Classes that macro averages leave out; an empty split has no averages."""
    labels = labels_of(task, split)
    return absent_classes(labels, task.prepared.classes) if len(labels) else []


def trained_record(
    task: Task,
    stages: list[Reported],
    tuning: list[dict[str, Any]],
    parameters: Parameters,
    macs: Macs,
    hardware: Hardware,
) -> tuple[Record, dict[str, np.ndarray]]:
    """Record and predictions of a cell whose stages have all finished.

    Args:
        tuning: What each trial of a learning-rate grid gave; empty without a grid.
    """
    parts = [stage.trained.progress.micro_batches for stage in stages]
    diagnostics: dict[str, Any] = {s.trained.job.stage.name: s.diagnostics for s in stages if s.diagnostics}
    record = Record(
        **identity_fields(task),
        stages=[stage_result(task, stage) for stage in stages],
        selection=_selection(task),
        test_openings=sum(stage.openings for stage in stages),
        parameters=parameters,
        macs=macs,
        flags=flags(task, [f"micro-batches: {number}" for number in parts if number > 1]),
        diagnostics={**diagnostics, **({"tuning": tuning} if tuning else {})},
        hardware=hardware,
    )
    return record, predictions(task, {stage.trained.job.stage.name: stage.logits for stage in stages})


def failed_record(task: Task, error: BenchError, hardware: Hardware) -> Record:
    """Record of a cell that failed."""
    return Record(
        **identity_fields(task),
        status="failed",
        error=Failure(kind=error.kind, message=str(error)),
        flags=flags(task, []),
        hardware=hardware,
    )


def lacking_record(resolved: Resolved, error: DataError) -> Record:
    """Record of a cell whose data are missing or do not match, so that it could not even be planned."""
    return Record(
        **named_fields(resolved, resolved.backbone.size),
        status="failed",
        error=Failure(kind=error.kind, message=str(error)),
    )


def _selection(task: Task) -> Selection:
    by = {"test_best": "test", "val_best": "val"}.get(task.selection, "none")
    return Selection(criterion=task.selection, by=by)
