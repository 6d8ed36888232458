"""Hand-made records with predictions that fit them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.cells.cell import Cell
from bench.records import Failure, Part, Record, Selection, StageResult, prediction_key
from bench.tasks.classification import classification

Arrays = dict[str, np.ndarray]
FLOORS = {"majority": 1, "knn": 2}


def logits_for(labels: np.ndarray, right: int, classes: int) -> np.ndarray:
    """Logits that are right for the first ``right`` labels and one class off for the others."""
    predicted = np.where(np.arange(len(labels)) < right, labels, (labels + 1) % classes)
    return np.eye(classes, dtype=np.float32)[predicted] * 3


def done(
    name: str, right: tuple[int, ...] = (80,), n: int = 100, classes: int = 4, **fields: Any
) -> tuple[Record, Arrays]:
    """A finished record; ``right`` gives the correct test samples of each stage."""
    labels = np.arange(n) % classes
    arrays = {
        prediction_key("test", "ids"): np.array([f"item{i}" for i in range(n)]),
        prediction_key("test", "targets"): labels,
    }
    stages = []
    for number, hits in enumerate(right, start=1):
        logits = logits_for(labels, hits, classes)
        arrays[prediction_key("test", "logits", f"stage{number}")] = logits
        stages.append(
            StageResult(name=f"stage{number}", metrics={"test": classification(labels, logits)}, n={"test": n})
        )
    selection = Selection(criterion="val_best", by="test" if _test_selected(fields) else "val")
    return record(name, stages=stages, selection=selection, test_openings=len(right), **fields), arrays


def failed(name: str, kind: str = "non_finite_loss", message: str = "loss is nan in epoch 2") -> Record:
    """A failed record."""
    return record(name, status="failed", error=Failure(kind=kind, message=message))


def record(name: str, **fields: Any) -> Record:
    """A record whose parts are those of the cell's name."""
    cell = Cell.parse(name)
    parts = {kind: _part(getattr(cell, kind)) for kind in ("dataset", "backbone", "method", "recipe")}
    protocol = str(cell.dataset.params.get("protocol", "paper"))
    seeds = {"seed": cell.seed, "data_seed": cell.data_seed_value}
    fields = {"task": "classification", "floor": FLOORS.get(cell.method.name, 0), **fields}
    return Record(cell=name, protocol=protocol, **parts, **seeds, **fields)


def _part(spec: Any) -> Part:
    return Part(name=spec.name, params=spec.params)


def _test_selected(fields: dict[str, Any]) -> bool:
    return "flags" in fields and fields["flags"].test_selected
