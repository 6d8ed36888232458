"""Smaller predictions: outputs rounded as far as no metric as printed, and no item as compared, changes; and bzip2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_BZIP2, ZipFile, ZipInfo

import numpy as np

from bench.core.atomic import write_atomic
from bench.records import Record, Store, is_output
from bench.records.files import arrays_file
from bench.report.recomputed import Arrays, contradicted

BITS = range(6, 11)  # tried in turn; float16 holds 11
FARTHEST = 24.0  # below the largest output of a row; exp(-24) of its probability


@dataclass(frozen=True)
class Packed:
    """What was done.

    Attributes:
        records: Finished records looked at.
        packed: Those whose predictions are smaller now.
        before, after: Bytes of all predictions.
    """

    records: int
    packed: int
    before: int
    after: int


def pack(store: Store) -> Packed:
    """Round the predictions of every finished record in a results folder, in place.

    Raises:
        CorruptRecord: A record or its predictions are damaged; those before it are packed.
        UsageError: The folder cannot be written.
    """
    records = packed = before = after = 0
    for path in list(store.paths()):
        record = store.at(path)
        if record is None or record.status != "done":
            continue
        arrays, file = store.predictions(record.cell), arrays_file(path)
        records, before = records + 1, before + file.stat().st_size
        smaller = rounded(record, arrays)
        if is_packed(smaller) and not is_packed(arrays):
            store.put(record, smaller)
        packed += squeezed(file)
        after += file.stat().st_size
    return Packed(records, packed, before, after)


def squeezed(file: Path) -> bool:
    """Write an npz again by bzip2, which takes a sixth less for rounded outputs and numpy reads as well.

    Records keep the digest of arrays, not of the file. Equal arrays are equal bytes: the date is always the same.

    Returns:
        Whether it was written in another way before.
    """
    with ZipFile(file) as archive:
        if all(part.compress_type == ZIP_BZIP2 for part in archive.infolist()):
            return False
        parts = {name: archive.read(name) for name in archive.namelist()}

    def write(place: Path) -> None:
        with ZipFile(place, "w", ZIP_BZIP2) as archive:
            for name, content in parts.items():
                archive.writestr(
                    ZipInfo(name), content, ZIP_BZIP2
                )  # with one date, so that equal arrays are equal bytes

    write_atomic(file, write)
    return True


def is_packed(arrays: Arrays) -> bool:
    """Whether outputs are in float16, which nothing but `rounded` makes of them; features may be kept so."""
    return any(_is_prediction(name) and array.dtype == np.float16 for name, array in arrays.items())


def rounded(record: Record, arrays: Arrays) -> Arrays:
    """The arrays with outputs (n, C) in float32 as float16: below each row's largest, in the fewest bits that will do.

    Metrics as printed and item scores stay those of the record. An output stays as it is where no number of bits keeps
    them, as where a task's metrics depend on more than differences within a row.
    """
    found = dict(arrays)
    for name, array in arrays.items():
        if _may_shrink(name, array):
            tried = (_below_largest(array, bits) for bits in BITS)
            found[name] = next((few for few in tried if _keeps(record, {**arrays, name: few}, name)), array)
    return found


def _is_prediction(name: str) -> bool:
    """Whether an array is what metrics read; none would notice what becomes of features."""
    return is_output(name) and not name.endswith("/features")


def _may_shrink(name: str, array: np.ndarray) -> bool:
    """Whether an array is an output (n, C) of plain numbers."""
    shaped = array.dtype == np.float32 and array.ndim == 2
    return _is_prediction(name) and shaped and bool(np.isfinite(array).all())


def _below_largest(array: np.ndarray, bits: int) -> np.ndarray:
    """(n, C) in float16: how far each number is below the largest of its row, with so many significant bits."""
    below = np.minimum(array.max(1, keepdims=True) - array, FARTHEST)
    fraction, exponent = np.frexp(below)
    return -np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent).astype(np.float16)


def _keeps(record: Record, arrays: Arrays, changed: str) -> bool:
    """Whether a record's metrics, as printed, and its items are those of these predictions, where one was changed."""
    stage_name, split, _ = changed.split("/")
    stage = next((stage for stage in record.stages if stage.name == stage_name), None)
    if stage is None or split not in stage.metrics:
        return False  # nothing would notice what becomes of it
    kept = {"metrics": {split: stage.metrics[split]}, "items": {split: stage.items.get(split, {})}}
    part = record.model_copy(update={"stages": [stage.model_copy(update=kept)]})
    return next(contradicted(part, arrays), None) is None
