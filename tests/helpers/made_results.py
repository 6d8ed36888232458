"""A results folder as runs would leave it: several data sets, and methods that are right on the same easy items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_records import FLOORS, Arrays

from bench.cells.cell import Cell
from bench.records import (
    Failure,
    Flags,
    Hardware,
    Macs,
    Parameters,
    Part,
    Record,
    Selection,
    StageResult,
    Store,
    prediction_key,
)
from bench.records.items import names_digest, packed
from bench.tasks.classification import Classification, classification

DEFAULTS: dict[str, dict[str, Any]] = {
    "cladapter": {"k": 20, "depth": 1, "tuning": "staged"},
    "lora": {"rank": 4, "alpha": 8.0},
    "vpt": {"prompts": 10},
    "knn": {"neighbours": 5},
    "digits": {"protocol": "limited", "shots": None, "fraction": None},
    "image_folder": {"protocol": "random"},
    "pacs": {"protocol": "paper", "shots": None, "fraction": None},
    "breakhis": {"protocol": "paper", "magnification": 200, "shots": None, "fraction": None},
    "quick": {"epochs": 3, "lr": 0.002},
    "tuned": {"epochs": 20, "lr": 0.0001, "lr_grid": [0.0001, 0.0003, 0.001, 0.003]},
}
# method -> how often it is right (log odds), how much it gains from data, trained parameters, seconds
METHODS: dict[str, tuple[float, float, int, float]] = {
    "majority": (-2.2, 0.0, 0, 0.1),
    "knn": (1.1, 0.5, 0, 0.6),
    "linear_probe": (1.9, 0.35, 7_690, 14.0),
    "bitfit": (2.1, 0.55, 110_602, 41.0),
    "vpt": (1.8, 0.5, 9_610, 47.0),
    "lora": (2.3, 0.6, 82_186, 52.0),
    "adaptformer": (2.35, 0.6, 304_138, 50.0),
    "cladapter": (2.6, 0.75, 5_901_000, 95.0),
    "full_finetune": (2.2, 0.9, 85_800_000, 160.0),
}
# Text that a page must show and never run.
EVIL = "</script><img src=x onerror=alert(1)>"
EVIL_CELL = 'image_folder[path="<img src=x onerror=alert(2)>"]/pico/lora/quick/seed={}'
GRID = (0.0001, 0.0003, 0.001, 0.003)


def fill(folder: Path, cells: Sequence[str], n: int = 140, classes: int = 7, **fields: Any) -> list[Record]:
    """Store a finished record with predictions for each cell; the same data set has the same test items."""
    store = Store(folder)
    return [store.put(*finished(name, n, classes, **fields)) for name in cells]


def grid(
    dataset: str = "digits",
    backbone: str = "pico",
    methods: Sequence[str] = tuple(METHODS),
    recipe: str = "quick",
    seeds: int = 3,
) -> list[str]:
    """Canonical names of all methods with all seeds."""
    return [f"{dataset}/{backbone}/{method}/{recipe}/seed={seed}" for method in methods for seed in range(seeds)]


def finished(name: str, n: int = 140, classes: int = 7, **fields: Any) -> tuple[Record, Arrays]:
    """A finished record with its predictions, decided by the cell's name."""
    cell = Cell.parse(name)
    skill, gain, trainable, seconds = METHODS[cell.method.name]
    parts = {kind: _part(getattr(cell, kind)) for kind in ("dataset", "backbone", "method", "recipe")}
    shots = parts["dataset"].params.get("shots")
    odds = skill + (gain * math.log2(shots / 16) / 2 if shots else 0.0) + _centres(parts["method"].params.get("k"))
    labels, logits = _predictions(cell, odds, n, classes)
    arrays = {
        prediction_key("test", "ids"): np.array([f"item{i:04d}" for i in range(n)]),
        prediction_key("test", "targets"): labels,
        prediction_key("test", "logits", "stage1"): logits,
    }
    stage = StageResult(
        name="stage1", selection="val_best", trainable=trainable, n={"test": n},
        metrics={"test": classification(labels, logits)}, items={"test": _items(labels, logits, arrays)},
        **(dict(epochs=10, best_epoch=8, curves=_curves(cell.seed, odds)) if trainable else {}),
    )  # fmt: skip
    record = Record(
        cell=name, task="classification", protocol=parts["dataset"].params.get("protocol", "paper"), **parts,
        seed=cell.seed, data_seed=cell.data_seed_value, stages=[stage],
        trivial_baseline=FLOORS.get(cell.method.name, 0),
        selection=Selection(criterion="val_best", by="val"), test_evaluations=1,
        parameters=Parameters(trainable=trainable, added=trainable, total=85_800_000 + trainable),
        macs=Macs(backbone=17_580_000_000, head=trainable),
        diagnostics={**_tuning(cell), **_routing(cell, classes)},
        fingerprints={"method": f"m-{cell.method.name}", "data": f"d-{cell.dataset}", "recipe": "r1", "engine": "2"},
        git_revision="0123abcd", environment={"python": "3.11.9", "torch": "2.8.0", "gpu": "none"},
        hardware=Hardware(seconds=seconds, device="cpu", threads=1),
        **{"flags": Flags(assumed=["schedule"]), **fields},
    )  # fmt: skip
    return record, arrays


def failure(name: str) -> Record:
    """A failed record."""
    cell = Cell.parse(name)
    parts = {kind: _part(getattr(cell, kind)) for kind in ("dataset", "backbone", "method", "recipe")}
    return Record(
        cell=name, task="classification", protocol=parts["dataset"].params["protocol"], **parts,
        seed=cell.seed, data_seed=cell.data_seed_value, status="failed",
        error=Failure(kind="non_finite_loss", message="loss is nan in epoch 2"),
    )  # fmt: skip


def _part(spec: Any) -> Part:
    return Part(name=spec.name, params={**DEFAULTS.get(spec.name, {}), **spec.params})


def _centres(k: int | None) -> float:
    return 0.0 if k is None else -0.05 * abs(math.log2(k / 20))


def _predictions(cell: Cell, odds: float, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    items = np.random.default_rng(sum(map(ord, cell.dataset.name)))
    labels, difficulty = np.arange(n) % classes, items.normal(0, 1.6, n)
    second = (labels + items.integers(1, classes, n)) % classes
    own = np.random.default_rng([cell.seed, *map(ord, f"{cell.dataset}{cell.method}{cell.recipe}")])
    margin = odds + own.normal(0, 0.12) - difficulty + own.normal(0, 0.7, n)
    logits = own.normal(0, 0.6, (n, classes)).astype(np.float32)
    logits[np.arange(n), labels] += 3 + margin.astype(np.float32)
    logits[np.arange(n), second] += 3
    if cell.method.name == "majority":
        logits = np.tile(np.eye(classes, dtype=np.float32)[0], (n, 1))
    return labels, logits


def _items(labels: np.ndarray, logits: np.ndarray, arrays: Arrays) -> dict[str, str]:
    task = Classification()
    scores = {name: task.item_scores(labels, {"logits": logits}, name) for name in ("accuracy", "macro_f1")}
    ids = names_digest(arrays[prediction_key("test", "ids")])
    return {"ids": ids, **{name: packed(values) for name, values in scores.items()}}


def _curves(seed: int, odds: float) -> dict[str, list[float | None]]:
    noise = np.random.default_rng(seed).normal(0, 0.01, 10)
    rise = 1 / (1 + np.exp(-odds)) * (1 - 0.6 * np.exp(-np.arange(10) / 2)) + noise
    return {"val_accuracy": rise.round(4).tolist(), "train_loss": (1.8 * np.exp(-np.arange(10) / 3)).round(4).tolist()}


def _tuning(cell: Cell) -> dict[str, Any]:
    if cell.recipe.name != "tuned" or cell.method.name in FLOORS:
        return {}
    best = {"full_finetune": 0, "lora": 2, "linear_probe": 3}.get(cell.method.name, 1)
    return {
        "tuning": [
            {"lr": lr, "val_accuracy": 0.9 - 0.03 * abs(i - best) ** 1.5 + 0.002 * cell.seed, "epochs": 20}
            for i, lr in enumerate(GRID)
        ]
    }


def _routing(cell: Cell, classes: int) -> dict[str, Any]:
    if cell.method.name != "cladapter":
        return {}
    k = int(cell.method.params.get("k", 20))
    raw = np.random.default_rng(cell.seed).gamma(0.4, 1, (classes, k)) + 0.02
    beta = raw / raw.sum(1, keepdims=True)
    entropy = (-(beta * np.log(beta)).sum(1)).tolist()
    used = len(set(beta.argmax(1).tolist()))
    block = dict(classes=list(range(classes)), beta=beta.round(6).tolist(), entropy=entropy, centres_in_use=used)
    return {"stage1": {"routing": {**block, "images": 200}}}
