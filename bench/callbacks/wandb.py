"""Runs for Weights & Biases."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from bench.callbacks.base import CellEvent
from bench.callbacks.tracker import Tracker


class Wandb(Tracker):
    """Runs for Weights & Biases, one for each cell; with WANDB_MODE=offline they stay in the folder."""

    libraries: ClassVar[tuple[str, ...]] = ("wandb",)
    one_at_a_time: ClassVar[bool] = True  # W&B logs to the one active run of the process
    step_name: ClassVar[str] = "epoch"

    folder: Path = Field(Path("."), description="where W&B keeps its folder `wandb`")
    project: str = Field("adaptbench", description="that runs belong to")
    entity: str | None = Field(None, description="user or team; none: W&B's own choice")

    def open(self, event: CellEvent) -> Any:
        from mmengine.visualization import WandbVisBackend

        named = {"project": self.project, "entity": self.entity, "name": event.cell, "config": event.facts}
        return WandbVisBackend(str(self.folder), named)

    def close(self, backend: Any) -> None:
        backend.experiment.finish()
