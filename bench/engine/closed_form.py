"""Trivial baseline and closed-form methods: fitted on kept features, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from bench.engine.cost import shared_backbone_macs, size
from bench.engine.plan import Planned
from bench.engine.record_builder import SPLITS, flags, identity_fields, kept_features, predictions, stage_result
from bench.methods.base import FeatureMethod, Fitted
from bench.methods.build import author
from bench.records import Record
from bench.records.schema import Macs, Parameters, Selection
from bench.tasks.base import FeatureSplit, Outputs, check_count, check_shape
from bench.training.context import Context, parts
from bench.training.feature_export import BACKBONE, featured
from bench.training.loop import stacked

STAGE = "fit"


def selects_on(planned: Planned, splits: tuple[str, ...]) -> str:
    """The split that may choose a method's strength."""
    return "test" if planned.selection == "test_best" and "test" in splits else "val"


def fit_record(
    planned: Planned, context: Context, splits: tuple[str, ...] = SPLITS, keep_features: bool = False
) -> tuple[Record, dict[str, np.ndarray]]:
    """Fit the cell's method and predict on ``splits``; the test split is opened once, after fitting.

    Args:
        keep_features: Keep what the method was fitted on and judged by, too.
    """
    method = planned.resolved.method
    assert isinstance(method, FeatureMethod)
    looked_at = selects_on(planned, splits)
    x = cache(lambda split: _read(method, context, split))
    val = _split(x, context, looked_at) if len(context.prepared.rows(looked_at)) else None
    fitted = method.fit(_split(x, context, "train"), val, context.head_spec(planned.resolved.recipe))
    wanted = context.head_spec(planned.resolved.recipe).outputs, author(method)
    there = [name for name in splits if len(context.prepared.rows(name))]
    outputs = {name: _outputs(fitted, context, name, x(name), wanted) for name in there}
    total, macs = (0, 0) if method.measures else (size(context.backbone), shared_backbone_macs(context.backbone))
    by = str((fitted.chosen or {}).get("by", "none"))
    record = Record(
        **identity_fields(planned),
        stages=[stage_result(context, STAGE, outputs, selection=by, trainable=fitted.parameters)],
        selection=_selection(fitted, by, looked_at, context),
        test_evaluations=int("test" in outputs) + int(looked_at == "test"),
        parameters=Parameters(trainable=fitted.parameters, added=fitted.parameters, total=total + fitted.parameters),
        macs=Macs(backbone=macs, head=None),
        flags=flags(planned, []),
        diagnostics={STAGE: fitted.chosen} if fitted.chosen else {},
    )
    pooled = {split: {BACKBONE: context.pooled(split)} for split in featured(outputs)} if keep_features else {}
    return record, {**predictions(context, {STAGE: outputs}), **kept_features(context, {STAGE: pooled})}


def _read(method: FeatureMethod, context: Context, split: str) -> np.ndarray:
    """What the method reads of a split, (n, d) float32."""
    if not method.measures:
        return context.pooled(split)
    rows = context.prepared.rows(split)
    return np.concatenate([method.measure(context.cached(rows[part])) for part in parts(len(rows))])


def read_split(method: FeatureMethod, context: Context, split: str) -> FeatureSplit:
    """What the method is fitted on of a split: (n, d) features or measurements, with targets."""
    return _split(lambda name: _read(method, context, name), context, split)


def _split(x: Callable[[str], np.ndarray], context: Context, split: str) -> FeatureSplit:
    targets = context.targets(context.prepared.rows(split)).cpu().numpy()
    return FeatureSplit(x(split), context.task.learned(targets))


def _outputs(fitted: Fitted, context: Context, split: str, x: np.ndarray, wanted: tuple[int, str]) -> Outputs:
    """What the task keeps of the method's scores, unless the method says that itself.

    Args:
        wanted: How many outputs the method was asked for, and who it is, in words.
    """
    found, rows = fitted.predict(x), context.prepared.rows(split)
    if isinstance(found, dict):
        check_count(found, len(rows), wanted[1])
        return found
    scores = torch.from_numpy(np.asarray(found, dtype=np.float32))
    check_shape(context.task, scores, len(rows), *wanted)
    size = context.task.at_once or len(scores)
    batches = [context.task.kept(scores[part], context.targets(rows[part]).cpu()) for part in parts(len(rows), size)]
    return stacked(batches)


def _selection(fitted: Fitted, by: str, looks_at: str, context: Context) -> Selection:
    """What chose the strength, as the method reports it."""
    known = {"validation": looks_at, "inner cross-validation": "inner_cv"}
    looked_at = known.get(by, "none")
    split = {"inner_cv": "train", "none": None}.get(looked_at, looked_at)
    labels = len(context.prepared.rows(split)) if split else 0
    return Selection(criterion="strength" if fitted.chosen else "last", by=looked_at, labels=labels)
