"""What trackers hold afterwards, read back with the trackers' own readers."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.records import Record, Store
from bench.records.files import place

GRID = "quick[lr_grid=[0.001,0.01]]"
FUSED = [f"digits[shots=5]/pico[size=32]/linear_probe/{GRID}/seed={seed},data_seed=0" for seed in (1, 2)]
STAGED = "digits[shots=5]/pico[size=32]/staged_finetune/quick[epochs=2]/seed=0"
FITTED = "digits[shots=5]/pico[size=32]/knn/quick/seed=0"
Points = dict[str, list[tuple[int, float]]]  # tag -> (step, value)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that TensorBoard and MLflow have followed."""
    pytest.importorskip("tensorboard")
    pytest.importorskip("mlflow")
    folder = tmp_path_factory.mktemp("tracked")
    callbacks = tuple(f'{name}[folder="{folder / name}"]' for name in ("tensorboard", "mlflow"))
    settings = Settings(folder / "runs", quiet=True, device="cpu", callbacks=callbacks)
    assert not carry_out([*FUSED, STAGED, FITTED], settings).failed
    return folder


def of_tensorboard(folder: Path, cell: str) -> Points:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard" / place(cell))).Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def of_mlflow(folder: Path, cell: str) -> Points:
    import mlflow

    client = mlflow.MlflowClient(f"file://{folder / 'mlflow'}")
    experiment = client.get_experiment_by_name("adaptbench")
    (run,) = (one for one in client.search_runs([experiment.experiment_id]) if one.info.run_name == cell)
    assert run.info.status == "FINISHED"
    assert run.data.params["recipe.batch_size"] == "20"
    history = {tag: client.get_metric_history(run.info.run_id, tag) for tag in run.data.metrics}
    return {tag: sorted((one.step, one.value) for one in points) for tag, points in history.items()}


def expected(record: Record, prefix: str) -> Points:
    """The record's curves over its stages, and its test metrics."""
    found: Points = {}
    before = 0
    for stage in record.stages:
        for name, curve in stage.curves.items():
            points = [(before + epoch + 1, value) for epoch, value in enumerate(curve) if value is not None]
            found.setdefault(prefix + name, []).extend(points)
        before += stage.epochs
    selected = record.stages[-1].metrics["test"]
    return found | {f"selected/test_{name}": [(0, value)] for name, value in selected.items() if value is not None}


@pytest.mark.parametrize("read", [of_tensorboard, of_mlflow])
@pytest.mark.parametrize("cell", [*FUSED, STAGED, FITTED])
def test_a_cells_run_holds_its_record(tracked: Path, cell: str, read: Callable[[Path, str], Points]) -> None:
    """Cells that trained together, one with stages, one without epochs."""
    record, held = Store(tracked / "runs").get(cell), read(tracked, cell)
    assert record is not None
    trials = sorted({f"{tag.partition('/')[0]}/" for tag in held if tag.startswith("lr_")}) or [""]
    assert trials == (["lr_0.001/", "lr_0.01/"] if cell in FUSED else [""])
    assert any(holds(held, expected(record, trial)) for trial in trials)


def holds(held: Points, wanted: Points) -> bool:
    return bool(wanted) and all(
        held[tag] == [(step, pytest.approx(value, rel=1e-6)) for step, value in points]
        for tag, points in wanted.items()
    )


def test_wandb_keeps_runs_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    settings = Settings(tmp_path / "runs", quiet=True, device="cpu", callbacks=(f'wandb[folder="{tmp_path}"]',))
    assert not carry_out(FUSED, settings).failed
    held = [history(file) for file in sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb"))]
    assert len(held) == 2
    store = Store(tmp_path / "runs")
    for cell in FUSED:
        record = store.get(cell)
        assert record is not None
        wanted = list(zip([1.0, 2.0, 3.0], record.stages[0].curves["train_loss"], strict=True))
        tags = [f"lr_{rate}/train_loss" for rate in (0.001, 0.01)]
        assert wanted in [[(row["epoch"], row[tag]) for row in rows if tag in row] for rows in held for tag in tags]


def history(file: Path) -> list[dict[str, float]]:
    """The rows that a run of W&B has logged."""
    from wandb.proto.wandb_internal_pb2 import Record as Logged

    logged = [Logged.FromString(data) for data in log_records(file.read_bytes())]
    rows = [one.history.item for one in logged if one.HasField("history")]
    return [{item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row} for row in rows]


def log_records(data: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format: blocks of 32 KiB, in them checksum, length, kind and piece."""
    at, record = 7, b""  # after W&B's own header
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        length, kind = struct.unpack("<4xHB", data[at : at + 7])
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or its last piece
            yield record
            record = b""
