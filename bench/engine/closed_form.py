"""Floor and closed-form methods: fitted on kept features, in seconds."""

from __future__ import annotations

import numpy as np
import torch

from bench.engine.cost import size, trunk_macs
from bench.engine.evidence import SPLITS, flags, identity_fields, predictions, stage_result
from bench.engine.plan import Planned
from bench.methods.base import FeatureMethod, Fitted
from bench.methods.build import author
from bench.records import Record
from bench.records.schema import Macs, Parameters, Selection
from bench.tasks.base import Outputs, check_shape
from bench.training.context import Context, parts
from bench.training.loop import stacked

STAGE = "fit"


def fit_record(
    planned: Planned, context: Context, splits: tuple[str, ...] = SPLITS
) -> tuple[Record, dict[str, np.ndarray]]:
    """Fit the cell's method and predict on ``splits``; the test split is opened once, after fitting."""
    method = planned.resolved.method
    assert isinstance(method, FeatureMethod)
    selects_on = "test" if planned.selection == "test_best" and "test" in splits else "val"
    val = context.feature_split(selects_on) if len(context.prepared.rows(selects_on)) else None
    fitted = method.fit(context.feature_split("train"), val, context.head_spec(planned.resolved.recipe))
    outputs = {
        split: _outputs(planned, fitted, context, split) for split in splits if len(context.prepared.rows(split))
    }
    total = size(context.trunk) + fitted.parameters
    by = str((fitted.chosen or {}).get("by", "none"))
    record = Record(
        **identity_fields(planned),
        stages=[stage_result(context, STAGE, outputs, selection=by, trainable=fitted.parameters)],
        selection=_selection(fitted, by, selects_on, context),
        test_openings=int("test" in outputs) + int(selects_on == "test"),
        parameters=Parameters(trainable=fitted.parameters, added=fitted.parameters, total=total),
        macs=Macs(backbone=trunk_macs(context.trunk), head=None),
        flags=flags(planned, []),
        diagnostics={STAGE: fitted.chosen} if fitted.chosen else {},
    )
    return record, predictions(context, {STAGE: outputs})


def _outputs(planned: Planned, fitted: Fitted, context: Context, split: str) -> Outputs:
    """What the task keeps of the method's scores."""
    scores = torch.from_numpy(np.asarray(fitted.predict(context.pooled(split)), dtype=np.float32))
    method, task = planned.resolved.method, context.task
    wanted = context.head_spec(planned.resolved.recipe).outputs
    check_shape(task, scores, len(context.prepared.rows(split)), wanted, author(method))
    rows, size = context.prepared.rows(split), context.task.at_once or len(scores)
    batches = [context.task.kept(scores[part], context.targets(rows[part]).cpu()) for part in parts(len(rows), size)]
    return stacked(batches)


def _selection(fitted: Fitted, by: str, selects_on: str, context: Context) -> Selection:
    """What chose the strength, as the method reports it."""
    known = {"validation": selects_on, "inner cross-validation": "inner_cv"}
    looked_at = known.get(by, "none")
    split = {"inner_cv": "train", "none": None}.get(looked_at, looked_at)
    labels = len(context.prepared.rows(split)) if split else 0
    return Selection(criterion="strength" if fitted.chosen else "last", by=looked_at, labels=labels)
