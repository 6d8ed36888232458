"""Runs for MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from bench.callbacks.base import CellEvent
from bench.callbacks.tracker import Tracker


class MLflow(Tracker):
    """Runs for MLflow, one for each cell, in a folder or on a server: `mlflow ui --backend-store-uri mlruns`."""

    libraries: ClassVar[tuple[str, ...]] = ("mlflow",)
    one_at_a_time: ClassVar[bool] = True  # MLflow logs to the one active run of the process

    folder: Path = Field(Path("mlruns"), description="file store, where no uri is given")
    uri: str = Field("", description='of a tracking server, such as "http://127.0.0.1:5000"')
    experiment: str = Field("adaptbench", description="that runs belong to")

    def open(self, event: CellEvent) -> Any:
        from mmengine.visualization import MLflowVisBackend

        if not self.uri:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3.7 and later refuse a folder without it
        return MLflowVisBackend(
            str(self.folder),
            exp_name=self.experiment,
            run_name=event.cell,
            params=event.facts,
            tracking_uri=self.uri or None,
        )

    def close(self, backend: Any) -> None:
        backend.experiment.end_run()  # the backend's own close would copy a training script's folder
