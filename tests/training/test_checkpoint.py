"""Checkpoints: what a kill left behind is never taken for the state that is to be written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file

from bench.training import checkpoint
from bench.training.progress import Progress

CPU = torch.device("cpu")


def learner(best_epoch: int, value: float) -> Any:
    """As far as `finish` looks at it."""
    progress = Progress(epoch=best_epoch + 1, best_epoch=best_epoch, best_score=0.5)
    return SimpleNamespace(progress=progress, best={"head.w": torch.full((2,), value)}, best_outputs={})


def left_behind(folder: Path, epoch: int) -> None:
    """What a process with other digits had written before it was killed, with no JSON that names it."""
    save_file({"model.head.w": torch.full((2,), 99.0)}, folder / f"best-{epoch}.safetensors")


def test_a_leftover_of_a_kill_is_written_again(tmp_path: Path) -> None:
    left_behind(tmp_path, 1)
    checkpoint.finish(tmp_path, learner(1, 1.0))
    assert checkpoint.load_best(tmp_path, CPU)["head.w"].tolist() == [1.0, 1.0]
    left_behind(tmp_path, 3)
    checkpoint.finish(tmp_path, learner(3, 3.0))
    assert checkpoint.load_best(tmp_path, CPU)["head.w"].tolist() == [3.0, 3.0]
    assert [file.name for file in tmp_path.glob("*.safetensors")] == ["best-3.safetensors"]


def test_a_best_state_that_is_named_already_is_not_written_twice(tmp_path: Path) -> None:
    checkpoint.finish(tmp_path, learner(1, 1.0))
    before = (tmp_path / "best-1.safetensors").stat().st_mtime_ns
    checkpoint.finish(tmp_path, learner(1, 1.0))
    assert (tmp_path / "best-1.safetensors").stat().st_mtime_ns == before
