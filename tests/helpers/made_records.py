"""Hand-made records with predictions that fit them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.cells.cell import Cell
from bench.records import Failure, Part, Record, Selection, StageResult, prediction_key
from bench.records.items import names_digest, packed
from bench.tasks.classification import Classification, classification

Arrays = dict[str, np.ndarray]
FLOORS = {"majority": 1, "knn": 2}
SHOWN = ("accuracy", "macro_f1")


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
            StageResult(
                name=f"stage{number}",
                epochs=0 if cell_method(name) in FLOORS else 3,
                metrics={"test": classification(labels, logits)},
                n={"test": n},
                items={"test": item_facts(arrays[prediction_key("test", "ids")], labels, logits)},
            )
        )
    selection = Selection(criterion="val_best", by="test" if _test_selected(fields) else "val")
    return record(name, stages=stages, selection=selection, test_evaluations=len(right), **fields), arrays


def varied(records: list[Record], kind: str, field: str, values: list[float | None]) -> list[Record]:
    """Records whose resolved field has these values, as the engine would write them."""
    found = []
    for record, value in zip(records, values, strict=True):
        part = getattr(record, kind)
        found.append(
            record.model_copy(update={kind: part.model_copy(update={"params": {**part.params, field: value}})})
        )
    return found


def cell_method(name: str) -> str:
    """The method's name in a cell's."""
    return Cell.parse(name).method.name


def item_facts(ids: np.ndarray, labels: np.ndarray, logits: np.ndarray) -> dict[str, str]:
    """What a record holds for statistics."""
    scores = {metric: Classification().item_scores(labels, {"logits": logits}, metric) for metric in SHOWN}
    return {"ids": names_digest(ids), **{metric: packed(values) for metric, values in scores.items()}}


def failed(name: str, kind: str = "non_finite_loss", message: str = "loss is nan in epoch 2") -> Record:
    """A failed record."""
    return record(name, status="failed", error=Failure(kind=kind, message=message))


def record(name: str, **fields: Any) -> Record:
    """A record whose parts are those of the cell's name."""
    cell = Cell.parse(name)
    parts = {kind: _part(getattr(cell, kind)) for kind in ("dataset", "backbone", "method", "recipe")}
    protocol = str(cell.dataset.params.get("protocol", "paper"))
    seeds = {"seed": cell.seed, "data_seed": cell.data_seed_value}
    fields = {"task": "classification", "trivial_baseline": FLOORS.get(cell.method.name, 0), **fields}
    return Record(cell=name, protocol=protocol, **parts, **seeds, **fields)


def _part(spec: Any) -> Part:
    return Part(name=spec.name, params=spec.params)


def _test_selected(fields: dict[str, Any]) -> bool:
    return "flags" in fields and fields["flags"].test_selected
