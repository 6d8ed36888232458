"""Where weights come from: the embedded file, a weights folder, or timm's hub."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.backbones.family import WeightsInfo, resolve_backbone
from bench.backbones.local import local_weights
from bench.backbones.tags import trained_on
from bench.cells.notation import Spec
from bench.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from bench.backbones.base import Backbone


def find(name: str, folder: Path | None) -> WeightsInfo:
    """Return the facts of a backbone's weights; a local file wins over the hub.

    Raises:
        UsageError: No local file and no timm model has this name, or the file's metadata are incomplete.
    """
    local = local_weights(folder)
    if name in local:
        return from_file(local[name])
    return from_hub(name, local)


def from_file(path: Path) -> WeightsInfo:
    """Read the facts from a safetensors file's metadata.

    Raises:
        UsageError: The file is not safetensors or lacks a required key.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            meta = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path} is not a readable safetensors file ({error}). Replace the file.") from error
    try:
        return WeightsInfo(
            arch=meta["timm_arch"],
            model_args=json.loads(meta.get("model_args", "{}")),
            size=int(json.loads(meta["input_size"])[-1]),
            mean=tuple(json.loads(meta["mean"])),
            std=tuple(json.loads(meta["std"])),
            interpolation=meta.get("interpolation", "bicubic"),
            trained_on=meta.get("trained_on", "unknown"),
            batch_norm="frozen" if meta.get("batch_norm") == "frozen" else "train",
            file=str(path),
            digest=file_digest(path),
            note=meta.get("note", ""),
        )
    except (KeyError, ValueError, IndexError) as error:
        raise UsageError(
            f"{path}: metadata are incomplete ({error!r}). Needed: timm_arch, input_size, mean, std as JSON strings."
        ) from error


def file_digest(path: Path) -> str:
    """sha256 of a weights file, hashed once while it stays as it is."""
    return _digest(str(path), path.stat().st_size, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def from_hub(name: str, local: dict[str, Path]) -> WeightsInfo:
    """Facts of a timm model tag from timm's own configuration; downloads nothing."""
    import timm

    arch = name.split(".")[0]
    if not timm.is_model(arch):
        raise UsageError(
            f"No backbone {name!r}. {nearest(name, [*local, *timm.list_models()])} See bench list backbones."
        )
    config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    if config is None or not config.has_weights:
        tags = list(timm.list_pretrained(arch + "*"))
        raise UsageError(f"timm has no weights {name!r}. {nearest(name, tags)}")
    return WeightsInfo(
        arch=name,
        size=config.input_size[-1],
        mean=tuple(config.mean),
        std=tuple(config.std),
        interpolation=config.interpolation,
        trained_on=trained_on(config.tag or ""),
        digest=f"hub:{config.hf_hub_id or config.url}",
    )


def load(spec: Spec, folder: Path | None) -> Backbone:
    """Build the backbone that a spec such as ``pico[size=32]`` names, in evaluation mode.

    Raises:
        UsageError: See `bench.backbones.family.BackboneFamily`.
    """
    family = resolve_backbone(spec, folder)
    return family.load(spec.name, family.find(spec.name, folder))
