"""Predictions as they are published: outputs in float16 (maps and masks are bytes from the start), deflate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.pages.recomputed import Arrays, contradicted
from bench.records import Record, Store, is_output
from bench.records.files import arrays_file


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
    """Publish the predictions of every finished record in a results folder, in place.

    Predictions that are in that form already, or in a smaller one, are not written again.

    Raises:
        CorruptRecord: A record or its predictions are corrupt; those before it are packed.
        UsageError: The folder cannot be written.
    """
    records = packed = before = after = 0
    for path in list(store.paths()):
        if path.name.endswith(".failed.json"):
            continue
        file = arrays_file(path)
        size = file.stat().st_size
        packed += store.rewrite(path, published)
        records, before, after = records + 1, before + size, after + file.stat().st_size
    return Packed(records, packed, before, after)


def published(record: Record, arrays: Arrays) -> Arrays | None:
    """The arrays as they are published, or None where they are so already.

    An output stays as it is where float16 would change a metric as printed or an item's score.
    """
    found = dict(arrays)
    for name, array in arrays.items():
        smaller = _smaller(name, array)
        part = None if smaller is None else _part(record, name)
        if smaller is not None and part is not None and not any(contradicted(part, {**found, name: smaller})):
            found[name] = smaller
    return found if any(found[name] is not array for name, array in arrays.items()) else None


def _smaller(name: str, array: np.ndarray) -> np.ndarray | None:
    """A float32 output in float16, or None where the array is something else, or too large for it."""
    if not is_output(name) or name.endswith("/features") or array.dtype != np.float32:
        return None
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.isfinite(half).all() else None


def _part(record: Record, name: str) -> Record | None:
    """The record with nothing but the stage and split that an array is of; None where it states nothing of them."""
    stage_name, split, _ = name.split("/")
    stage = next((stage for stage in record.stages if stage.name == stage_name), None)
    if stage is None or split not in stage.metrics:
        return None
    kept = {"metrics": {split: stage.metrics[split]}, "items": {split: stage.items.get(split, {})}}
    return record.model_copy(update={"stages": [stage.model_copy(update=kept)]})
