"""`bench reproduce`: run a record's cell again and say how the result compares."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from unittest.mock import patch

import numpy as np

from bench.core.errors import UsageError
from bench.data.roots import CACHE_VARIABLE
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.plugins.registry import load
from bench.records import Record, StageResult, Store, is_output, openings
from bench.report.brevity import brief
from bench.report.rounding import as_kept

Verdict = Literal["equal", "within rounding", "different"]


@dataclass(frozen=True)
class Comparison:
    """A record against its repetition.

    Attributes:
        verdict: "equal": every stored prediction, metric, item's score and curve agrees bit for bit, a packed record's
            in the form that it has (curves to four digits); "within rounding": the same samples, and outputs agree to
            1 % of their spread; else "different".
        largest: Largest absolute difference of any output.
        metric: The task's headline metric.
        scores: Its value on the test split, in the record and in the repetition.
        changed: Fingerprints that differ: why a result may rightly be different.
        environment: Versions and machine facts that differ: why rounding may.
    """

    cell: str
    verdict: Verdict
    largest: float
    metric: str
    scores: tuple[float | None, float | None]
    changed: dict[str, tuple[str, str]]
    environment: dict[str, tuple[str, str]]


def reproduce(file: Path, settings: Settings) -> Comparison:
    """Run the cell of a record file again, in folders of its own: images are decoded and features computed anew.

    Raises:
        UsageError: The file is no finished record, or the repetition failed.
    """
    record, arrays = read(file)
    with TemporaryDirectory() as folder, patch.dict(os.environ, {CACHE_VARIABLE: f"{folder}/cache"}):
        again_settings = replace(settings, results=Path(folder), keep_features=_has_features(arrays))
        again_done = carry_out([record.cell], again_settings)
        if again_done.failed:
            raise UsageError(f"The repetition failed: {next(iter(again_done.failed.values()))}")
        for look in openings.read(Path(folder)):  # it has been looked at, whatever came of it
            openings.append(Store.folder_of(file), look)
        again, others = Store(Path(folder)).pair(record.cell)
        return compare(record, arrays, again, as_kept(arrays, others))


def read(file: Path) -> tuple[Record, dict[str, np.ndarray]]:
    """A finished record and its predictions, by the record's file.

    Raises:
        UsageError: There is no such file, or it is not a finished record in a results folder.
        CorruptRecord: It is no record, or not of the cell that its address says.
    """
    if not file.is_file():
        raise UsageError(f"There is no record {file}. Give the path of a seed=N.json below a results folder.")
    if file.name.endswith(".failed.json") or len(file.absolute().parts) < 6:
        raise UsageError(f"{file} is no finished record. Give the path of a seed=N.json below a results folder.")
    store = Store(Store.folder_of(file))
    found = store.at(file.absolute())
    assert found is not None  # it is a file
    return found, store.predictions(found.cell)


def compare(record: Record, arrays: dict[str, np.ndarray], again: Record, others: dict[str, np.ndarray]) -> Comparison:
    """Compare two records of one cell with their predictions."""
    headline = load("tasks", record.task)().headline.name
    outputs = [name for name in arrays if is_output(name)]
    largest = max((_difference(arrays[name], others.get(name)) for name in outputs), default=0.0)
    return Comparison(
        cell=record.cell,
        verdict=_verdict(_same_stages(record, again), arrays, others),
        largest=largest,
        metric=headline,
        scores=(record.metrics["test"][headline], again.metrics["test"][headline]),
        changed=_differing(record.fingerprints, again.fingerprints),
        environment=_differing(
            {**record.environment, "device": record.hardware.device, "threads": str(record.hardware.threads)},
            {**again.environment, "device": again.hardware.device, "threads": str(again.hardware.threads)},
        ),
    )


def _same_stages(record: Record, again: Record) -> bool:
    """Metrics, items and curves to the last bit; curves of a packed record to the four digits that are sure in it (the
    fifth is rounded)."""
    kept, made = (one.model_dump(mode="json") for one in (record, again))
    if kept["stages"] == made["stages"]:
        return True
    bare = [[{**stage, "curves": None} for stage in one["stages"]] for one in (kept, made)]
    packed = kept["stages"] == brief(kept)["stages"]
    return packed and bare[0] == bare[1] and all(map(_same_curves, record.stages, again.stages))


def _same_curves(stage: StageResult, again: StageResult) -> bool:
    lengths, others = ({name: len(curve) for name, curve in one.curves.items()} for one in (stage, again))
    return lengths == others and all(
        one == other or (None not in (one, other) and math.isclose(one, other, rel_tol=1e-4))  # type: ignore[arg-type]
        for name, curve in stage.curves.items()
        for one, other in zip(curve, again.curves[name], strict=True)
    )


def _has_features(arrays: dict[str, np.ndarray]) -> bool:
    return any(name.endswith("/features") for name in arrays)


def _verdict(same_stages: bool, arrays: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> Verdict:
    if arrays.keys() != others.keys():
        return "different"
    pairs = [(name, array, others[name]) for name, array in arrays.items()]
    if same_stages and all(np.array_equal(array, other) for _, array, other in pairs):
        return "equal"
    close = all(
        _difference(array, other) <= 0.01 * float(array.std(dtype=np.float64))  # of float16 it would overflow
        if is_output(name) and np.issubdtype(array.dtype, np.floating)
        else np.array_equal(array, other)
        for name, array, other in pairs
    )
    return "within rounding" if close else "different"


def _difference(array: np.ndarray, other: np.ndarray | None) -> float:
    """The largest, as numbers: flags cannot be subtracted, and bytes would begin anew below zero."""
    if other is None or array.shape != other.shape:
        return float("inf")
    return float(np.abs(array.astype(np.float64) - other.astype(np.float64)).max(initial=0.0))


def _differing(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str, str]]:
    names = sorted(one.keys() | other.keys())
    return {n: (one.get(n, ""), other.get(n, "")) for n in names if one.get(n) != other.get(n)}
