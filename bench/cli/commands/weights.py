"""`bench weights`: pre-trained weights of one's own, and what was trained in other naming."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.predict import saved_model
from bench.backbones.local import weights_folder
from bench.core.atomic import write_atomic
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.records import Store

if TYPE_CHECKING:
    from bench.backbones.adding import Given


def add(file: Path, given: Given, name: str, weights: Path | None) -> str:
    """Take a checkpoint into the weights folder and say how it is called.

    Raises:
        UsageError: There is no weights folder; else as `bench.backbones.adding.add`.
    """
    from bench.backbones.adding import add as added

    folder = weights_folder(weights)
    if folder is None:
        raise UsageError("Say where weights lie: --weights DIR, or set BENCH_WEIGHTS.")
    info = added(file, given, folder, name)
    called = Path(info.file or "").name.removesuffix(".safetensors")
    return (
        f"Added {called}: {info.arch}, {info.size} px, mean {list(info.mean)}, std {list(info.std)}, "
        f"{info.interpolation}, trained on {info.trained_on}.\nUse it: "
        + command("run", "quick", "-o", f"backbone={called}", weights=weights)
    )


def export(cell: str, results: Path, out: Path, weights: Path | None) -> str:
    """Write what a kept run's head has learned in the naming of its method's released code.

    Raises:
        UsageError: There is no such run, its weights were not kept, or its method has no released naming here.
    """
    from safetensors.torch import save

    from bench.engine.predictor import load_model
    from bench.methods.base import Method

    predictor = load_model(saved_model(cell, Store(results)), weights, "cpu")
    model, method = predictor.model, predictor.resolved.method
    assert isinstance(method, Method)
    tensors = {name: value.contiguous() for name, value in method.export(model.head).items()}
    write_atomic(out, lambda place: place.write_bytes(save(tensors, {"cell": predictor.facts.cell})))
    return f"{len(tensors)} tensors of {predictor.facts.cell} in {out}."
