"""Kept weights: what `bench run --keep-weights` leaves beside a record, from which its model is built again.

One safetensors file a cell. Of methods that train: every tensor that differs from the pre-trained weights, under its
name in the model. Of methods fitted on features: the training features, from which they are fitted again. Its metadata
say everything else (`Facts`); nothing is ever unpickled.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from bench.core.atomic import write_atomic
from bench.engine.closed_form import read_split
from bench.engine.plan import Planned
from bench.engine.saved_model_facts import KEY, Facts
from bench.methods.base import FeatureMethod
from bench.methods.build import build_model
from bench.records import Record, Store
from bench.records.files import weights_beside
from bench.tasks.base import FeatureSplit, HeadSpec
from bench.training import checkpoint
from bench.training.context import Context
from bench.training.job import StageJob
from bench.training.streams import reseed

MODEL = "model."
TEXT = "text"


def keep(
    store: Store,
    record: Record,
    planned: Planned,
    context: Context,
    tensors: dict[str, Tensor],
    chosen: dict[str, Any] | None = None,
) -> None:
    """Write a stored record's weights beside it.

    Args:
        chosen: Fields of the method that a search chose.

    Raises:
        UsageError: The folder cannot be written.
        DiskFull: The disk is full.
    """
    columns = set(context.prepared.table.columns)
    facts = Facts(
        cell=record.cell,
        predictions=record.predictions or "",
        weights=planned.weights.digest,
        source=planned.fingerprints["method"],
        classes=context.prepared.classes,
        class_names=context.prepared.class_names,
        cached=tuple(int(side) for side in context.inputs.shape[1:]),
        by_adapter="path" in columns and "index" not in columns,
        constants=context.task.constants(),
        chosen=chosen or {},
    )
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    path, said = weights_beside(store.path(record.cell)), {KEY: facts.model_dump_json()}
    # bytes, since safetensors would make a file that only its owner may read
    write_atomic(path, lambda place: place.write_bytes(save(kept, said)), True, "weights")


def trained_tensors(context: Context, jobs: list[StageJob], checkpoints: Path) -> dict[str, Tensor]:
    """What a cell's stages have trained, the later ones over the earlier, and what its head was built from."""
    method = jobs[-1].method
    spec, asked = context.head_spec(jobs[-1].recipe), list[FeatureSplit]()

    def support() -> FeatureSplit:
        assert spec.support is not None
        asked.append(spec.support())
        return asked[-1]

    backbone = context.own_backbone() if method.injects else context.backbone
    reseed(jobs[0].seed, "init")  # what is added and never trains is as the learners' own
    model = build_model(backbone, method, replace(spec, support=support))
    found = {name: tensor for name, tensor in model.state_dict().items() if name in model.added}
    for job in jobs:
        found.update(checkpoint.load_best(checkpoints / job.key, torch.device("cpu")))
    supports = _split("train", asked[0]) if asked else {}
    return {**{MODEL + name: tensor for name, tensor in found.items()}, **_text(spec), **supports}


def fitted_tensors(context: Context, method: FeatureMethod, selects_on: str) -> dict[str, Tensor]:
    """What a method fitted on features, or on its own measurements, is fitted on.

    Args:
        selects_on: The split that chooses its strength, where there is one.
    """
    chosen = _split("val", read_split(method, context, selects_on)) if len(context.prepared.rows(selects_on)) else {}
    return {
        **_split("train", read_split(method, context, "train")),
        **chosen,
        **_text(context.head_spec(context.recipe)),
    }


def _split(name: str, features: FeatureSplit) -> dict[str, Tensor]:
    return {f"{name}.x": torch.from_numpy(features.x), f"{name}.y": torch.from_numpy(features.y)}


def _text(spec: HeadSpec) -> dict[str, Tensor]:
    return {} if spec.text is None else {TEXT: spec.text}
