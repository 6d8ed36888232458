"""Floor and closed-form methods: fitted on kept features, in seconds."""

from __future__ import annotations

import numpy as np
import torch

from bench.engine.cost import size, trunk_macs
from bench.engine.evidence import SPLITS, flags, identity_fields, predictions, stage_result, targets_of
from bench.engine.plan import Planned
from bench.methods.base import FeatureMethod, FeatureSplit, Fitted
from bench.records import Record
from bench.records.schema import Macs, Parameters, Selection
from bench.tasks.base import Outputs
from bench.training.context import Context

STAGE = "fit"


def fit_record(
    planned: Planned, context: Context, splits: tuple[str, ...] = SPLITS
) -> tuple[Record, dict[str, np.ndarray]]:
    """Fit the cell's method and predict on ``splits``; the test split is opened once, after fitting."""
    method = planned.resolved.method
    assert isinstance(method, FeatureMethod)
    train = _split(context, "train")
    val = _split(context, "val") if len(context.prepared.rows("val")) else None
    fitted = method.fit(train, val, context.head_spec)
    outputs = {split: _outputs(fitted, context, split) for split in splits if len(context.prepared.rows(split))}
    total = size(context.trunk) + fitted.parameters
    by = str((fitted.chosen or {}).get("by", "none"))
    record = Record(
        **identity_fields(planned),
        stages=[stage_result(context, STAGE, outputs, selection=by, trainable=fitted.parameters)],
        selection=_selection(fitted, by),
        test_openings=int("test" in outputs),
        parameters=Parameters(trainable=fitted.parameters, added=fitted.parameters, total=total),
        macs=Macs(backbone=trunk_macs(context.trunk), head=None),
        flags=flags(planned, []),
        diagnostics={STAGE: fitted.chosen} if fitted.chosen else {},
    )
    return record, predictions(context, {STAGE: outputs})


def pooled(context: Context, split: str) -> np.ndarray:
    """Frozen pooled features (n, pooled_dim) of a split, kept or, when too large to keep, computed."""
    bank = context.banked(split, tokens=False)
    if bank is not None:
        return np.array(bank.pooled)
    found = [context.features(inputs).pooled.cpu() for inputs in context.prefetched(context.prepared.rows(split))]
    return torch.cat(found).numpy()


def _split(context: Context, split: str) -> FeatureSplit:
    return FeatureSplit(pooled(context, split), targets_of(context, split))


def _outputs(fitted: Fitted, context: Context, split: str) -> Outputs:
    """What the task keeps of the method's scores."""
    scores = torch.from_numpy(fitted.predict(pooled(context, split)).astype(np.float32))
    return {name: value.numpy() for name, value in context.task.kept(scores).items()}


def _selection(fitted: Fitted, by: str) -> Selection:
    """What chose the strength, as the method reports it."""
    known = {"validation": "val", "inner cross-validation": "inner_cv"}
    return Selection(criterion="strength" if fitted.chosen else "last", by=known.get(by, "none"))
