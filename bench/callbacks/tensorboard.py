"""Event files for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from bench.callbacks.base import CellEvent
from bench.callbacks.tracker import Tracker
from bench.records.files import place


class TensorBoard(Tracker):
    """Curves for TensorBoard, a folder of event files for each cell: `tensorboard --logdir tb`."""

    libraries: ClassVar[tuple[str, ...]] = ("tensorboard",)

    folder: Path = Field(Path("tb"), description="where the cells' folders lie")

    def open(self, event: CellEvent) -> Any:
        from mmengine.visualization import TensorboardVisBackend

        backend = TensorboardVisBackend(str(self.folder / place(event.cell)))
        backend.experiment.add_text("facts", "\n".join(f"    {name} = {value}" for name, value in event.facts.items()))
        return backend
