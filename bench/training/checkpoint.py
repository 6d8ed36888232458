"""Checkpoints of learners: safetensors plus a small JSON that names them; loading never unpickles."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.core.atomic import write_atomic, write_text
from bench.tasks.base import Outputs
from bench.training import optimizer_state
from bench.training.learner import Learner
from bench.training.optimizer_state import Numbers
from bench.training.progress import Progress

MODEL, KEPT, EVALUATED = "model.", "kept.", "evaluated."  # what tensors in a file are


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
    tensors, numbers = optimizer_state.flat(learner.optimizers)
    now = {f"{part}{k}": v for part, state in _parts(learner).items() for k, v in state.items()} | tensors
    write_atomic(folder / name, lambda path: save_file(_packed(now), path), point="checkpoint")
    _save_best(folder, learner, {"now": name}, numbers)


def _parts(learner: Learner) -> dict[str, dict[str, Tensor]]:
    """What a checkpoint holds of a learner beside its optimisers, by the prefix of names."""
    return {MODEL: learner.state(), KEPT: learner.memory.kept, EVALUATED: learner.memory.evaluated}


def finish(folder: Path, learner: Learner) -> None:
    """Write the selected state of a learner that is through; what only further epochs would need goes."""
    _save_best(folder, learner, {}, [])


def _save_best(folder: Path, learner: Learner, files: dict[str, str], numbers: list[Numbers]) -> None:
    """Write the best state so far, then the JSON that names it and ``files``; files of earlier checkpoints go.

    A file that is there but that no JSON names was left by a kill, and its process may have had other digits (another
    number of threads): it is written again.
    """
    progress = learner.progress
    after = "" if progress.finished is None else "-finished"
    files = {**files, "best": f"best-{progress.best_epoch}{after}.safetensors"}
    if files["best"] != _named_best(folder):
        best = {f"{MODEL}{k}": v for k, v in learner.best.items()} | _of_outputs(learner.best_outputs)
        write_atomic(folder / files["best"], lambda path: save_file(_packed(best), path), point="best")
    said = {"files": files, "progress": asdict(progress), "optimizers": numbers}
    write_text(folder / "progress.json", json.dumps(said), point="progress")
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
        progress, files, numbers = Progress(**saved["progress"]), saved["files"], saved["optimizers"]
        tensors = {name: load_file(folder / file, device=device) for name, file in files.items()}
        best = tensors["best"]
    except (ValueError, KeyError, TypeError, FileNotFoundError, SafetensorError):
        drop(folder)
        return False
    if "now" in tensors:  # else it is through
        _go_on_from(tensors["now"], numbers, learner)
    learner.best, learner.best_outputs = _below(MODEL, best), _as_outputs(best)
    learner.progress = progress
    return True


def _go_on_from(now: dict[str, Tensor], numbers: list[Numbers], learner: Learner) -> None:
    learner.load(_below(MODEL, now))
    learner.memory.kept, learner.memory.evaluated = _below(KEPT, now), _below(EVALUATED, now)
    optimizer_state.load(learner.optimizers, now, numbers)


def epochs_kept(folder: Path) -> int:
    """How many epochs a learner's checkpoint holds, while its own process may be writing the next; 0 without one."""
    try:
        saved = json.loads((folder / "progress.json").read_text())
    except FileNotFoundError:
        return 0
    return int(saved["progress"]["epoch"])


def load_best(folder: Path, device: torch.device) -> dict[str, Tensor]:
    """The selected state of a finished stage."""
    return _below(MODEL, _best(folder, str(device)))


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
