"""From outcomes to records: metrics are computed here, from the predictions that are stored beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.environment import environment, git_revision
from bench.core.errors import BenchError, DataError
from bench.data.audit.overlap import overlap
from bench.data.tables.splits import EXTERNAL
from bench.engine.plan import Planned
from bench.grid.resolve import Resolved
from bench.plugins.recipe_files import recipe_file
from bench.records import Record
from bench.records.items import groups_packed, names_digest, packed
from bench.records.schema import (
    CLASS_NAMES,
    Budget,
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
from bench.tasks.base import Outputs, Task
from bench.training.context import Context
from bench.training.feature_export import BACKBONE
from bench.training.stages import Reported
from bench.training.trials import Tuning

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("val", "test", EXTERNAL)  # the last two are opened together, once selection is final
UNITS = ("group", "domain")  # columns of the table that statistics need beside the ids
Predictions = dict[str, dict[str, Outputs]]  # stage -> split -> outputs


def targets_of(context: Context, split: str) -> np.ndarray:
    """Targets (n, ...) of a split, in table order."""
    return context.targets(context.prepared.rows(split)).cpu().numpy()


def stage_result(context: Context, name: str, outputs: dict[str, Outputs], **fields: Any) -> StageResult:
    """Metrics of one stage's predictions, split by split."""
    evaluate = context.task.evaluate
    return StageResult(
        name=name,
        metrics={split: evaluate(targets_of(context, split), found) for split, found in outputs.items()},
        n={split: len(context.prepared.rows(split)) for split in ("train", *outputs)},
        items={split: item_facts(context, split, found) for split, found in outputs.items()},
        **fields,
    )


def item_facts(context: Context, split: str, outputs: Outputs) -> dict[str, str]:
    """The items of a split, the groups they belong to, and their scores by the metrics that tables show."""
    table = context.prepared.table.iloc[context.prepared.rows(split)]
    return items_told(context.task, table, targets_of(context, split), outputs)


def items_told(task: Task, table: pd.DataFrame, targets: np.ndarray, outputs: Outputs) -> dict[str, str]:
    """`item_facts` of the rows of a split."""
    facts = {"ids": names_digest(table["id"].to_numpy())}
    if unit := next((unit for unit in UNITS if unit in table and table[unit].nunique() > 1), None):
        facts["groups"] = groups_packed(table[unit].to_numpy())
    for metric in task.metrics:
        if metric == task.headline or metric.shown:
            facts[metric.name] = packed(task.item_scores(targets, outputs, metric.name))
    return facts


def reported_stage(context: Context, reported: Reported) -> StageResult:
    """Metrics and curves of a trained stage."""
    job, progress = reported.trained.job, reported.trained.progress
    return stage_result(
        context,
        job.stage.name,
        reported.outputs,
        epochs=progress.epoch,
        best_epoch=progress.best_epoch + 1,
        selection=job.selection,
        curves=progress.curves,
        trainable=reported.trained.trainable,
    )


def predictions(context: Context, stages: Predictions) -> dict[str, np.ndarray]:
    """Arrays beside the record: class names; ids, targets, groups and domains a split; what the task keeps a stage and
    split."""
    names, table = context.prepared.class_names, context.prepared.table
    found: dict[str, np.ndarray] = {CLASS_NAMES: np.array(names)} if names else {}
    for stage, by_split in stages.items():
        for split, outputs in by_split.items():
            targets, rows = targets_of(context, split), context.prepared.rows(split)
            for column in ("id", *(unit for unit in UNITS if unit in table)):
                what = "ids" if column == "id" else column
                found[prediction_key(split, what)] = table[column].to_numpy()[rows].astype(str)
            found[prediction_key(split, "targets")] = targets
            for name, array in context.task.arrays(targets, outputs).items():
                found[prediction_key(split, name, stage)] = array
    return found


def identity_fields(planned: Planned) -> dict[str, Any]:
    """The record's fields that do not depend on the outcome."""
    return {**named_fields(planned.resolved, planned.input_shape[-1]), "fingerprints": planned.fingerprints}


def named_fields(resolved: Resolved, size: int | None) -> dict[str, Any]:
    """What the cell's name says, in full, and where it ran.

    Args:
        size: Side of the input in pixels, which the weights decide where the name does not.
    """
    cell, backbone = resolved.cell, resolved.backbone.model_dump(mode="json")
    return dict(
        cell=resolved.name,
        task=resolved.dataset.task,
        dataset=Part(name=cell.dataset.name, params=resolved.dataset.model_dump(mode="json")),
        protocol=resolved.dataset.protocol,
        backbone=Part(name=cell.backbone.name, params={**backbone, "size": size}),
        method=Part(name=cell.method.name, params=resolved.method.model_dump(mode="json")),
        trivial_baseline=resolved.method.trivial_baseline,
        recipe=Part(name=cell.recipe.name, params=resolved.recipe.model_dump(mode="json")),
        seed=cell.seed,
        data_seed=cell.data_seed_value,
        git_revision=git_revision(),
        environment=environment(),
    )


def flags(planned: Planned, notes: list[str]) -> Flags:
    """What a reader must know before believing the numbers."""
    prepared, weights, task = planned.prepared, planned.weights, planned.resolved.task
    unsteady = [] if task.deterministic else [f"{task.plugin_name()} has operations that vary from run to run"]
    return Flags(
        partial=bool(prepared.differences),
        differences=prepared.differences,
        leaks=list(prepared.dataset.rule.leaks),
        overlap=overlap(prepared.dataset, weights.trained_on),
        test_selected=planned.selection == "test_best",
        batch_norm_frozen=weights.batch_norm == "frozen",
        assumed=sorted(recipe_file(planned.cell.recipe.name).assumed),
        absent_classes=_absent_classes(planned),
        imbalance=_imbalance(planned),
        notes=[note for note in (prepared.dataset.rule.note, *prepared.notes, *unsteady, *notes) if note],
    )


def _imbalance(planned: Planned) -> float:
    """How many test samples the largest class has for each of the smallest that has any."""
    prepared = planned.prepared
    if not planned.resolved.task.single_label or not prepared.counts["test"]:
        return 0.0
    counts = prepared.table["label"].iloc[prepared.rows("test")].value_counts()
    return float(counts.max() / counts.min())


def _absent_classes(planned: Planned) -> dict[str, list[int]]:
    """Split -> classes without a sample there, where samples have one class each; an empty split has no averages."""
    prepared = planned.prepared
    if not planned.resolved.task.single_label:
        return {}
    found = {"train": list(prepared.untrained)}
    for split in SPLITS:
        present = set(prepared.table["label"].to_numpy()[prepared.rows(split)].tolist())
        found[split] = sorted(set(range(prepared.classes)) - present) if present else []
    return {split: absent for split, absent in found.items() if absent}


def trained_record(
    planned: Planned,
    context: Context,
    stages: list[Reported],
    tuning: Tuning,
    parameters: Parameters,
    macs: Macs,
    hardware: Hardware,
) -> tuple[Record, dict[str, np.ndarray]]:
    """Record and predictions of a cell whose stages have all finished.

    Args:
        tuning: What choosing among the trials of a grid has cost and found.
    """
    diagnostics: dict[str, Any] = {s.trained.job.stage.name: s.diagnostics for s in stages if s.diagnostics}
    record = Record(
        **identity_fields(planned),
        stages=[reported_stage(context, stage) for stage in stages],
        selection=_selection(planned),
        test_evaluations=sum(stage.test_evaluations for stage in stages),
        parameters=parameters,
        macs=macs,
        flags=flags(planned, memory_notes(context, stages)).model_copy(update={"grid_edges": tuning.edges}),
        budget=Budget(trials=tuning.number, offered=tuning.offered, epochs=tuning.spent),
        diagnostics={**diagnostics, **({"tuning": tuning.trials} if tuning.trials else {})},
        hardware=hardware,
    )
    arrays = predictions(context, {stage.trained.job.stage.name: stage.outputs for stage in stages})
    return record, {**arrays, **kept_features(context, {s.trained.job.stage.name: s.features for s in stages})}


def kept_features(context: Context, stages: Predictions) -> dict[str, np.ndarray]:
    """Arrays of features, by stage, split and place: the pre-trained backbone's, and what each stage's head made of
    them; with whose they are, where predictions do not tell."""
    found: dict[str, np.ndarray] = {}
    for stage, by_split in stages.items():
        for split, places in by_split.items():
            rows = context.prepared.rows(split)
            found[prediction_key(split, "ids")] = context.prepared.table["id"].to_numpy()[rows].astype(str)
            found[prediction_key(split, "targets")] = targets_of(context, split)
            for place, array in places.items():
                name = BACKBONE if place == BACKBONE else stage
                found[prediction_key(split, "features", name)] = array.astype(np.float16)
    return found


def memory_notes(context: Context, stages: list[Reported]) -> list[str]:
    """What a lack of memory has changed of the rounding."""
    trained = [stage.trained for stage in stages]
    parts = [one.progress.micro_batches for one in trained if one.progress.micro_batches > one.job.recipe.accumulate]
    split = ["evaluation batches were split for lack of memory"] if context.split_evaluation else []
    return [*(f"micro-batches: {number}" for number in parts), *split]


def failed_record(planned: Planned, error: BenchError, hardware: Hardware) -> Record:
    """Record of a cell that failed."""
    return Record(
        **identity_fields(planned),
        status="failed",
        error=Failure(kind=error.kind, message=str(error)),
        flags=flags(planned, []),
        hardware=hardware,
    )


def lacking_record(resolved: Resolved, error: DataError) -> Record:
    """Record of a cell whose data are missing or do not match, so that it could not even be planned."""
    return Record(
        **named_fields(resolved, resolved.backbone.size),
        status="failed",
        error=Failure(kind=error.kind, message=str(error)),
    )


def _selection(planned: Planned) -> Selection:
    """What chose the epoch and, of a grid, the trial."""
    by = {"test_best": "test", "val_best": "val"}.get(planned.selection, "none")
    if by == "none" and len(planned.trials) > 1:
        by = "val"
    return Selection(criterion=planned.selection, by=by, labels=planned.prepared.counts.get(by, 0))
