"""Floor and closed-form methods: fitted on banked features, in seconds."""

from __future__ import annotations

import time

import numpy as np

from bench.engine.cost import trunk_macs
from bench.engine.evidence import SPLITS, flags, identity_fields, labels_of, predictions
from bench.engine.plan import Task
from bench.methods import FeatureMethod, FeatureSplit, Fitted
from bench.records import Record
from bench.records.schema import Hardware, Macs, Parameters, Selection, StageResult
from bench.tasks.classification import classification
from bench.training.context import Context, parts

STAGE = "fit"


def fit_record(task: Task, context: Context, hardware: Hardware) -> tuple[Record, dict[str, np.ndarray]]:
    """Fit the cell's method and predict; the test split is opened once, after fitting."""
    method, began = task.resolved.method, time.perf_counter()
    assert isinstance(method, FeatureMethod)
    train = _split(task, context, "train")
    val = _split(task, context, "val") if len(task.prepared.rows("val")) else None
    fitted = method.fit(train, val, task.prepared.classes)
    logits = {s: fitted.predict(pooled(context, s)).astype(np.float32) for s in SPLITS if len(task.prepared.rows(s))}
    trunk = sum(p.numel() for p in context.trunk.parameters())
    record = Record(
        **identity_fields(task),
        stages=[_stage(task, logits, fitted)],
        selection=_selection(fitted),
        test_openings=1,
        parameters=Parameters(trainable=fitted.parameters, added=fitted.parameters, total=trunk + fitted.parameters),
        macs=Macs(backbone=trunk_macs(context.trunk), head=None),
        flags=flags(task, []),
        diagnostics={STAGE: fitted.chosen} if fitted.chosen else {},
        hardware=hardware.model_copy(update={"seconds": time.perf_counter() - began}),
    )
    return record, predictions(task, {STAGE: logits})


def pooled(context: Context, split: str) -> np.ndarray:
    """Frozen pooled features (n, pooled_dim) of a split, banked or, when too large to keep, computed."""
    bank = context.banked(split, tokens=False)
    if bank is not None:
        return np.array(bank.pooled)
    rows = context.prepared.rows(split)
    found = [context.features(context.images_of(rows[part])).pooled.cpu().numpy() for part in parts(len(rows))]
    return np.concatenate(found)


def _split(task: Task, context: Context, split: str) -> FeatureSplit:
    return FeatureSplit(pooled(context, split), labels_of(task, split))


def _stage(task: Task, logits: dict[str, np.ndarray], fitted: Fitted) -> StageResult:
    return StageResult(
        name=STAGE,
        selection=str((fitted.chosen or {}).get("by", "none")),
        metrics={split: classification(labels_of(task, split), values) for split, values in logits.items()},
        n={split: len(values) for split, values in logits.items()},
        trainable=fitted.parameters,
    )


def _selection(fitted: Fitted) -> Selection:
    """What chose the strength, as the method reports it."""
    by = str((fitted.chosen or {}).get("by", "none"))
    known = {"validation": "val", "inner cross-validation": "inner_cv"}
    return Selection(criterion="strength" if fitted.chosen else "last", by=known.get(by, "none"))
