"""Building the context that the cells of a group share."""

from __future__ import annotations

import torch

from bench.core.disk_cache import DiskCache
from bench.core.environment import environment
from bench.core.errors import UsageError
from bench.core.numerics import ENGINE_VERSION
from bench.data.augment.batches import Preprocess
from bench.data.decoded import decoded
from bench.data.formats.readers import Reader, box_reader, input_reader, target_reader
from bench.data.formats.vectors import PassOn, vector_reader
from bench.data.roots import cache_root
from bench.engine.cost import added, head_macs, macs_of_backbone, shared_backbone_macs, size
from bench.engine.plan import Planned, Planner
from bench.engine.settings import Settings
from bench.methods.base import Method
from bench.methods.build import build_model
from bench.records import Macs, Parameters
from bench.training.context import EVAL_BATCH, Context
from bench.training.streams import reseed


def build_context(planned: Planned, planner: Planner, settings: Settings, device: torch.device) -> Context:
    """Load the backbone and the inputs that the cells of a group share.

    Raises:
        DataError: A sample is corrupt.
        UsageError: The weights do not fit the architecture, or the inputs the backbone.
    """
    recipe, info, prepared = planned.resolved.recipe, planned.weights, planned.prepared
    backbone = planned.resolved.backbone.load(planned.cell.backbone.name, info)
    if planned.resolved.task.needs_levels:
        backbone.show_levels()
    channels_last = backbone.spec.family == "cnn" and len(backbone.input_shape) == 3
    backbone.to(device)
    backbone.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    backbone.requires_grad_(False)
    reader, located = readers(planned)
    return Context(
        task=planned.resolved.task.bound(prepared.table, prepared.classes),
        prepared=prepared,
        inputs=decoded(prepared, reader, quiet=settings.quiet),
        located=None if located is None else decoded(prepared, located, quiet=settings.quiet),
        backbone=backbone,
        preprocess=preprocessing(planned, backbone.input_shape, device, channels_last),
        recipe=recipe,
        data_seed=planned.cell.data_seed_value,
        device=device,
        disk_cache=DiskCache(cache_root() / "features", int(settings.cache_gb * 1e9), "--cache-gb"),
        identity=cache_identity(planned, reader, device),
    )  # fmt: skip


def preprocessing(planned: Planned, shape: tuple[int, ...], device: torch.device, channels_last: bool) -> Preprocess:
    """What lies between cached arrays and the backbone."""
    recipe, info, flips = planned.resolved.recipe, planned.weights, planned.prepared.dataset.forbidden_flips
    if len(shape) == 1:
        return PassOn(recipe, device)
    return Preprocess(recipe, info.mean, info.std, shape, info.interpolation, device, channels_last, flips)


def readers(planned: Planned) -> tuple[Reader, Reader | None]:
    """How a cell's inputs are decoded and, where its targets lie with the samples, they too.

    Raises:
        UsageError: The samples do not fit the backbone's input.
    """
    recipe, prepared, shape = planned.resolved.recipe, planned.prepared, planned.input_shape
    check_made_by(planned)
    if len(shape) == 1:
        return vector_reader(prepared, shape), None
    reader = input_reader(prepared, shape, recipe, planned.weights.interpolation)
    target = planned.resolved.task.target
    if target == "table":
        return reader, None
    return reader, (target_reader if target == "map" else box_reader)(prepared, reader, recipe)


def check_made_by(planned: Planned) -> None:
    """Raise UsageError when features made elsewhere meet a backbone that is not the one that made them."""
    prepared, backbone = planned.prepared, planned.weights.arch
    name, made_by = planned.cell.dataset.name, prepared.dataset.made_by(prepared.root)
    features = len(planned.input_shape) == 1
    if features != bool(made_by):
        held = (
            f"features of {made_by}; use the backbone cached" if made_by else "inputs; use a backbone that reads them"
        )
        raise UsageError(f"{planned.cell.backbone.name} does not fit {name}, which holds {held}.")
    if features and made_by != backbone:
        raise UsageError(
            f"{name} holds features of {made_by}, and the backbone says {backbone}. Set model={made_by!r}."
        )


def cache_identity(planned: Planned, reader: Reader, device: torch.device) -> dict[str, object]:
    """What decides the bits of frozen features, their rows aside; threads, machine and libraries are part of it."""
    recipe, info = planned.resolved.recipe, planned.weights
    return {
        "name": f"{planned.cell.dataset.name}-{planned.cell.backbone.name}",
        "data": planned.prepared.content, "reader": reader.key, "weights": [info.arch, info.digest],
        "backbone": planned.resolved.backbone.model_dump(mode="json"), "shape": list(planned.input_shape),
        "batch": EVAL_BATCH, "normalisation": recipe.normalisation, "precision": recipe.precision,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(), "engine": ENGINE_VERSION,
        **{name: environment().get(name, "") for name in ("processor", "torch", "timm", "pillow")},
    }  # fmt: skip


def account(method: Method, planned: Planned, context: Context, trainable: int) -> tuple[Parameters, Macs]:
    """Parameters and MACs of a cell's model; the backbone's MACs include what the method injected.

    Args:
        trainable: Parameters trained in the stage that trains most.
    """
    reseed(planned.cell.seed, "init")
    backbone = context.own_backbone() if method.injects else context.backbone
    model = build_model(backbone, method, context.head_spec(planned.resolved.recipe))
    backbone_macs = macs_of_backbone(backbone) if method.injects else shared_backbone_macs(backbone)
    parameters = Parameters(trainable=trainable, added=added(model, context.backbone), total=size(model))
    return parameters, Macs(backbone=backbone_macs, head=head_macs(model))
