"""Checkpoints of learners: safetensors plus a small JSON that names them; loading never unpickles."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Parameter

from bench.core.atomic import write_atomic, write_text
from bench.tasks.base import Outputs
from bench.training.learner import Learner, Progress


@dataclass
class Pace:
    """Says when a learner's next checkpoint is due.

    Small learners finish an epoch faster than a disk takes their state: one every epoch would make the disk, not the
    processor, decide how long training takes.

    Attributes:
        seconds: What a kill may cost, beside the epoch it falls into.
    """

    seconds: float
    _written: dict[str, float] = field(default_factory=dict)

    def begin(self, key: str) -> None:
        """The learner starts, or has just been written."""
        self._written[key] = time.monotonic()

    def due(self, key: str) -> bool:
        """Whether its last checkpoint is old enough."""
        return time.monotonic() - self._written[key] >= self.seconds


def save(folder: Path, learner: Learner) -> None:
    """Write the learner's whole state as of its last finished epoch.

    Tensors first, then the JSON that names them: a kill at any moment leaves the previous checkpoint or this one.
    """
    name = f"now-{learner.progress.epoch}.safetensors"
    now = {f"model.{k}": v for k, v in learner.state().items()} | _flat(learner.optimizer_state())
    write_atomic(folder / name, lambda path: save_file(_packed(now), path), point="checkpoint")
    _save_best(folder, learner, {"now": name})


def finish(folder: Path, learner: Learner) -> None:
    """Write the selected state of a learner that is through; what only further epochs would need goes."""
    _save_best(folder, learner, {})


def _save_best(folder: Path, learner: Learner, files: dict[str, str]) -> None:
    """Write the best state so far, then the JSON that names it and ``files``; files of earlier checkpoints go.

    A file that is there but that no JSON names was left by a kill, and its process may have had other digits (another
    number of threads): it is written again.
    """
    progress = learner.progress
    files = {**files, "best": f"best-{progress.best_epoch}.safetensors"}
    if files["best"] != _named_best(folder):
        best = {f"model.{k}": v for k, v in learner.best.items()} | _of_outputs(learner.best_outputs)
        write_atomic(folder / files["best"], lambda path: save_file(_packed(best), path), point="best")
    write_text(folder / "progress.json", json.dumps({"files": files, "progress": asdict(progress)}), point="progress")
    for file in folder.glob("*.safetensors"):
        if file.name not in files.values():
            file.unlink()


def _named_best(folder: Path) -> str:
    """The file of the best state that the last whole checkpoint names; empty where there is none."""
    try:
        saved = json.loads((folder / "progress.json").read_text())
    except FileNotFoundError:
        return ""
    return str(saved["files"]["best"])


def restore(folder: Path, learner: Learner) -> bool:
    """Bring the learner to its last checkpoint.

    Everything is read before anything is changed.

    Returns:
        False when there is none, or one that a power cut has damaged, which goes: the learner then starts anew, to the
        same digits.
    """
    if not (folder / "progress.json").exists():
        return False
    device = str(learner.parameters[0].device)
    try:
        saved = json.loads((folder / "progress.json").read_text())
        progress, files = Progress(**saved["progress"]), saved["files"]
        tensors = {name: load_file(folder / file, device=device) for name, file in files.items()}
        best = tensors["best"]
    except (ValueError, KeyError, TypeError, FileNotFoundError, SafetensorError):
        drop(folder)
        return False
    if "now" in tensors:  # else it is through
        _go_on_from(tensors["now"], learner)
    learner.best, learner.best_outputs = _below("model.", best), _as_outputs(best)
    learner.progress = progress
    return True


def _go_on_from(now: dict[str, Tensor], learner: Learner) -> None:
    learner.load(_below("model.", now))
    state = learner.optimizer.state_dict()
    ordered = [parameter for group in learner.optimizer.param_groups for parameter in group["params"]]
    learner.optimizer.load_state_dict({**state, "state": _laid_out(_nested(now), ordered)})


def epochs_kept(folder: Path) -> int:
    """How many epochs a learner's checkpoint holds, while its own process may be writing the next; 0 without one."""
    try:
        saved = json.loads((folder / "progress.json").read_text())
    except FileNotFoundError:
        return 0
    return int(saved["progress"]["epoch"])


def load_best(folder: Path, device: torch.device) -> dict[str, Tensor]:
    """The selected state of a finished stage."""
    return _below("model.", _best(folder, str(device)))


def load_best_outputs(folder: Path) -> Outputs:
    """What the selected state of a finished stage predicted on the selection split; empty where that is not kept."""
    return _as_outputs(_best(folder, "cpu"))


def drop(folder: Path) -> None:
    """Remove a checkpoint that no open cell needs."""
    shutil.rmtree(folder, ignore_errors=True)


def _best(folder: Path, device: str) -> dict[str, Tensor]:
    saved = json.loads((folder / "progress.json").read_text())
    return load_file(folder / saved["files"]["best"], device=device)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _of_outputs(outputs: Outputs) -> dict[str, Tensor]:
    return {f"outputs.{name}": torch.from_numpy(array) for name, array in outputs.items()}


def _as_outputs(tensors: dict[str, Tensor]) -> Outputs:
    return {name: value.cpu().numpy() for name, value in _below("outputs.", tensors).items()}


def _packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in state.items()}


def _flat(state: dict[Any, dict[str, Any]]) -> dict[str, Tensor]:
    return {f"optimizer.{i}.{k}": v for i, entry in state.items() for k, v in entry.items() if isinstance(v, Tensor)}


def _nested(flat: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            nested.setdefault(int(number), {})[key] = value
    return nested


def _laid_out(state: dict[int, dict[str, Tensor]], parameters: list[Parameter]) -> dict[int, dict[str, Tensor]]:
    """Give moments the strides of their parameters: files hold them contiguous, but fused optimisers walk raw memory,
    and a channels-last convolution would meet its moments in another order."""
    return {
        number: {key: _like(value, parameters[number]) for key, value in entry.items()}
        for number, entry in state.items()
    }


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
