"""Weights of one's own: a local checkpoint in timm's naming becomes a file of the weights folder, with its facts."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bench.backbones.facts import from_file
from bench.backbones.family import WeightsInfo
from bench.backbones.local import file_digest
from bench.backbones.timm_backbone import build, classifiers
from bench.core.atomic import write_atomic
from bench.core.errors import UsageError, nearest

State = dict[str, Tensor]
_WRAPPED = "module."  # what data-parallel training puts before every name


@dataclass(frozen=True)
class Given:
    """What the user says of a checkpoint; None or empty: what timm's configuration of the architecture says.

    Attributes:
        arch: timm's name, such as vit_base_patch16_224.
        size: Side of the input in pixels that the weights were trained at.
        trained_on: The data they have seen.
        key: Of the checkpoint's entry that holds the tensors, where there are several.
    """

    arch: str
    size: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    interpolation: str = ""
    trained_on: str = ""
    note: str = ""
    key: str = ""


def add(file: Path, given: Given, folder: Path, name: str = "") -> WeightsInfo:
    """Write ``folder/NAME.safetensors`` with the tensors of a checkpoint and the facts of its weights.

    Args:
        file: safetensors, or a PyTorch file that holds tensors alone.
        name: Of the backbone; default: the file's stem.

    Raises:
        UsageError: The file cannot be read, does not hold the architecture's weights, a fact cannot be, the name is
            taken, or the architecture is no backbone.
    """
    name = name or file.name.rpartition(".")[0]
    place = folder / f"{name}.safetensors"
    if place.exists():
        raise UsageError(f"There are weights {name!r} in {folder} already. Give another --name, or remove {place}.")
    state = unwrapped(read_state(file, given.key))
    facts = _facts(file, given, state)
    held = {key: value.contiguous() for key, value in state.items()}
    write_atomic(place, lambda path: path.write_bytes(save(held, facts)), True)
    try:
        info = from_file(place)
        with torch.device("meta"):
            build(info, None, name, pretrained=False)
        return info
    except UsageError:
        place.unlink()
        raise


def read_state(file: Path, key: str = "") -> dict[str, Any]:
    """The tensors of a checkpoint by name; nothing in it is run.

    Raises:
        UsageError: The file is missing, damaged, or holds other things than tensors.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0][:160]
        raise UsageError(
            f"Cannot read {file} without running code from it ({reason}). Save its state dict alone, and add that."
        ) from error
    return _entry(file, found, key)


def _entry(file: Path, found: Any, key: str) -> dict[str, Any]:
    """The state dict of a checkpoint: the file itself, or the one of its entries that looks like it."""
    if isinstance(found, dict) and found and all(isinstance(value, Tensor) for value in found.values()):
        return found
    entries = {
        str(name): value
        for name, value in (found.items() if isinstance(found, dict) else ())
        if isinstance(value, dict) and value and all(isinstance(one, Tensor) for one in value.values())
    }
    if key in entries or len(entries) == 1:
        return entries[key or next(iter(entries))]
    if not entries:
        raise UsageError(f"{file} holds no state dict: no names with tensors. Save model.state_dict(), and add that.")
    raise UsageError(f"{file} holds several state dicts: {', '.join(sorted(entries))}. Choose one by --key.")


def unwrapped(state: Mapping[str, Tensor]) -> State:
    """The state without what data-parallel training put before every name."""
    if all(name.startswith(_WRAPPED) for name in state):
        return {name.removeprefix(_WRAPPED): value for name, value in state.items()}
    return dict(state)


def _facts(file: Path, given: Given, state: State) -> dict[str, str]:
    """The file's metadata, once the tensors are known to be those of the architecture."""
    known = timm.is_model(given.arch.split(".")[0])
    config = timm.get_pretrained_cfg(given.arch, allow_unregistered=False) if known else None
    if config is None:
        meant = nearest(given.arch.split(".")[0], timm.list_models())
        raise UsageError(f"timm has no architecture {given.arch!r}. {meant}")
    size = given.size or config.input_size[-1]
    options: dict[str, Any] = {"num_classes": 0}
    if config.fixed_input_size and size != config.input_size[-1]:
        options["img_size"] = size
    with torch.device("meta"):
        model = timm.create_model(given.arch, pretrained=False)
        headless = timm.create_model(given.arch, pretrained=False, **options)
    _check_fits(file, given.arch, state, headless, classifiers(model))
    return {
        "timm_arch": given.arch,
        "input_size": json.dumps([3, size, size]),
        "mean": json.dumps(list(given.mean or config.mean)),
        "std": json.dumps(list(given.std or config.std)),
        "interpolation": given.interpolation or config.interpolation,
        "model_args": json.dumps(options),
        "trained_on": given.trained_on or "unknown",
        "note": given.note or f"added from {file.name}, {file_digest(file)[:19]}",
    }


def _check_fits(file: Path, arch: str, state: State, model: nn.Module, heads: tuple[str, ...]) -> None:
    """Raise UsageError unless the file holds every tensor of the model, of its shape, and beside them only a head."""
    prefixes = tuple(f"{head}." for head in heads)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    missing = sorted(expected.keys() - found.keys())
    foreign = sorted(name for name in found.keys() - expected.keys() if not name.startswith(prefixes))
    shaped = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
    if missing or foreign:
        raise UsageError(
            f"{file} does not hold {arch} in timm's naming: {len(missing)} tensors are missing and {len(foreign)} "
            f"foreign, e.g. {(missing or foreign)[0]}. Change --arch, or rename its tensors."
        )
    if shaped:
        name = shaped[0]
        raise UsageError(
            f"{file} does not fit {arch}: {name} is {found[name]}, not {expected[name]}. Change --arch, or say the "
            "side in pixels it was trained at by --size."
        )
