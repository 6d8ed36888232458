"""`bench reproduce`: run a record's cell again and say how the result compares."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from unittest.mock import patch

import numpy as np

from bench.core.errors import UsageError
from bench.core.text import preformatted
from bench.data.roots import CACHE_VARIABLE
from bench.engine.run import carry_out, check_writable
from bench.engine.settings import Settings
from bench.plugins.registry import load
from bench.records import Record, StageResult, Store, evaluation_log, is_output
from bench.records.schema import Metrics

Arrays = dict[str, np.ndarray]
FEW_BITS = 18
PRINTED = 1e-4  # a digit more than tables print; packing moved metrics by less
Verdict = Literal["equal", "within rounding", "different"]


@dataclass(frozen=True)
class Comparison:
    """A record against its repetition, which ``print`` shows as text.

    Attributes:
        verdict: "equal": every metric, item's score, curve and prediction agrees in the digits that the record has
            (outputs that an earlier version kept in a few bits are judged by items, and by metrics as printed); "within
            rounding": the same samples, and outputs agree to 1 % of their spread; else "different".
        largest: Largest absolute difference of any output that can be compared.
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

    def __str__(self) -> str:
        before, after = ("undefined" if value is None else f"{value:.4f}" for value in self.scores)
        return "\n".join(
            [
                f"{self.cell}: {self.verdict} (largest difference of an output {self.largest:.3g})",
                f"  test {self.metric}: {before} in the record, {after} now",
                *_told("fingerprint", self.changed),
                *_told("environment", self.environment),
            ]
        )

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def _told(what: str, differing: dict[str, tuple[str, str]]) -> Iterator[str]:
    for name, (old, new) in differing.items():
        yield f"  {what} {name} differs: {old[:60] or 'none'} -> {new[:60] or 'none'}"


def reproduce(file: Path, settings: Settings) -> Comparison:
    """Run the cell of a record file again, in folders of its own: images are decoded and features computed anew.

    Raises:
        UsageError: The file is no finished record, or the repetition failed.
    """
    record, arrays = read(file)
    check_writable(Store.folder_of(file), "the log of test-set evaluations", "Copy that folder first.")
    with TemporaryDirectory() as folder, patch.dict(os.environ, {CACHE_VARIABLE: f"{folder}/cache"}):
        again_settings = replace(settings, results=Path(folder), keep_features=_has_features(arrays))
        again_done = carry_out([record.cell], again_settings)
        if again_done.failed:
            raise UsageError(f"The repetition failed: {next(iter(again_done.failed.values()))}")
        for evaluation in evaluation_log.read(Path(folder)):  # the test split was used, whatever came of it
            evaluation_log.append(Store.folder_of(file), evaluation)
        again, others = Store(Path(folder)).pair(record.cell)
        return compare(record, arrays, again, others)


def read(file: Path) -> tuple[Record, Arrays]:
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


def compare(record: Record, arrays: Arrays, again: Record, others: Arrays) -> Comparison:
    """Compare two records of one cell with their predictions."""
    headline, others = load("tasks", record.task)().headline.name, _as_kept(arrays, others)
    outputs = [name for name in arrays if is_output(name) and not _in_few_bits(arrays[name])]
    largest = max((_difference(arrays[name], others.get(name)) for name in outputs), default=0.0)
    return Comparison(
        cell=record.cell,
        verdict=_verdict(_same_stages(record, again, any(map(_in_few_bits, arrays.values()))), arrays, others),
        largest=largest,
        metric=headline,
        scores=(record.metrics["test"][headline], again.metrics["test"][headline]),
        changed=_differing(record.fingerprints, again.fingerprints),
        environment=_differing(
            {**record.environment, "device": record.hardware.device, "threads": str(record.hardware.threads)},
            {**again.environment, "device": again.hardware.device, "threads": str(again.hardware.threads)},
        ),
    )


def _as_kept(arrays: Arrays, others: Arrays) -> Arrays:
    """A repetition's arrays in the types in which a record keeps its own."""
    return {
        name: other.astype(arrays[name].dtype) if is_output(name) and name in arrays else other
        for name, other in others.items()
    }


def _in_few_bits(array: np.ndarray) -> bool:
    """Whether an output is kept in so few bits that another one cannot be compared with it.

    Version 0.1 kept logits below each row's largest, those of classes that decide nothing in a few bits; other outputs
    in at most 18 significant bits.
    """
    if array.dtype.kind != "f" or not array.size:
        return False
    if array.ndim == 2 and not array.max(1).any():
        return True
    fraction = np.frexp(array.astype(np.float64))[0] * 2.0**FEW_BITS
    return array.dtype == np.float32 and bool(np.array_equal(fraction, np.round(fraction)))


def _same_stages(record: Record, again: Record, few_bits: bool) -> bool:
    """Items to the last bit; curves to the five significant digits that some records have; metrics: `_same_metrics`."""
    kept, made = (
        [{**stage.model_dump(mode="json"), "curves": None, "metrics": None} for stage in one.stages]
        for one in (record, again)
    )
    pairs = list(zip(record.stages, again.stages, strict=False))
    return (
        kept == made
        and all(_same_curves(one, other) for one, other in pairs)
        and all(_same_metrics(one.metrics, other.metrics, few_bits) for one, other in pairs)
    )


def _same_metrics(kept: dict[str, Metrics], made: dict[str, Metrics], few_bits: bool) -> bool:
    """To the last bit; of outputs in few bits to `PRINTED`, since their metrics were computed from these."""
    one, other = ({(split, name): x for split, found in m.items() for name, x in found.items()} for m in (kept, made))
    return one.keys() == other.keys() and all(
        _close(value, other[key], PRINTED if few_bits else 0.0) for key, value in one.items()
    )


def _close(value: float | None, other: float | None, within: float) -> bool:
    if value is None or other is None:
        return value is other
    return abs(value - other) <= within


def _same_curves(stage: StageResult, again: StageResult) -> bool:
    lengths, others = ({name: len(curve) for name, curve in one.curves.items()} for one in (stage, again))
    return lengths == others and all(
        one == other or (one is not None and other is not None and _in_fewer_digits(one, other))
        for name, curve in stage.curves.items()
        for one, other in zip(curve, again.curves[name], strict=True)
    )


def _in_fewer_digits(kept: float, again: float) -> bool:
    """Whether a number that is kept in five significant digits, the fifth rounded, is another one."""
    return kept == float(f"{kept:.5g}") and math.isclose(kept, again, rel_tol=1e-4)


def _has_features(arrays: Arrays) -> bool:
    return any(name.endswith("/features") for name in arrays)


def _verdict(same_stages: bool, arrays: Arrays, others: Arrays) -> Verdict:
    if arrays.keys() != others.keys():
        return "different"
    pairs = [(name, array, others[name]) for name, array in arrays.items()]
    if same_stages and all(np.array_equal(a, other) for _, a, other in pairs if not _in_few_bits(a)):
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
