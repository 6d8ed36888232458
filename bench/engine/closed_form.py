"""Floor and closed-form methods: fitted on kept features, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from bench.engine.cost import size, trunk_macs
from bench.engine.evidence import SPLITS, flags, identity_fields, predictions, stage_result
from bench.engine.plan import Planned
from bench.methods.base import FeatureMethod, Fitted
from bench.records import Record
from bench.records.schema import Macs, Parameters, Selection
from bench.tasks.base import FeatureSplit, Outputs
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
    x = cache(lambda split: _read(method, context, split))
    val = _split(x, context, selects_on) if len(context.prepared.rows(selects_on)) else None
    fitted = method.fit(_split(x, context, "train"), val, context.head_spec(planned.resolved.recipe))
    outputs = {name: _outputs(fitted, context, name, x(name)) for name in splits if len(context.prepared.rows(name))}
    total, macs = (0, 0) if method.measures else (size(context.trunk), trunk_macs(context.trunk))
    by = str((fitted.chosen or {}).get("by", "none"))
    record = Record(
        **identity_fields(planned),
        stages=[stage_result(context, STAGE, outputs, selection=by, trainable=fitted.parameters)],
        selection=_selection(fitted, by, selects_on, context),
        test_openings=int("test" in outputs) + int(selects_on == "test"),
        parameters=Parameters(trainable=fitted.parameters, added=fitted.parameters, total=total + fitted.parameters),
        macs=Macs(backbone=macs, head=None),
        flags=flags(planned, []),
        diagnostics={STAGE: fitted.chosen} if fitted.chosen else {},
    )
    return record, predictions(context, {STAGE: outputs})


def _read(method: FeatureMethod, context: Context, split: str) -> np.ndarray:
    """What the method reads of a split, (n, d) float32."""
    if not method.measures:
        return context.pooled(split)
    rows = context.prepared.rows(split)
    return np.concatenate([method.measure(context.cached(rows[part])) for part in parts(len(rows))])


def _split(x: Callable[[str], np.ndarray], context: Context, split: str) -> FeatureSplit:
    return FeatureSplit(x(split), context.targets(context.prepared.rows(split)).cpu().numpy())


def _outputs(fitted: Fitted, context: Context, split: str, x: np.ndarray) -> Outputs:
    """What the task keeps of the method's scores."""
    scores = torch.from_numpy(fitted.predict(x).astype(np.float32))
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
