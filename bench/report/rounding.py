"""Outputs in fewer bits, as long as metrics as printed and items as compared stay what the record says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bench.records import Record, is_output, prediction_key
from bench.report.coarse import IN_BITS, coarse_forms, coarser, is_coarse, may_be_coarse
from bench.report.recomputed import Arrays, contradicted

FARTHEST = 24.0  # below the largest output of a row: exp(-24) of its probability
NEARER = (12.0, 14.0, 16.0, 20.0)  # where so many classes are so far below that which is which does not count
IN_FLOAT16 = range(6, 12)  # significant bits
IN_FLOAT32 = range(12, 19)
Form = Callable[[int], np.ndarray]  # number of bits -> an output in them


def as_kept(kept: Arrays, arrays: Arrays) -> Arrays:
    """A repetition's arrays in the form in which those of a record are kept.

    Where an output is kept rounded, the rounding of the repetition's that comes closest stands for it, in whichever
    number of bits: which one keeps a metric may change with the rule and with the last digit of an output.
    """
    return {name: _closest(kept[name], array, _targets(name, kept)) if _was_rounded(name, kept, array) else array
            for name, array in arrays.items()}  # fmt: skip


def _was_rounded(name: str, kept: Arrays, array: np.ndarray) -> bool:
    there = kept.get(name)
    return there is not None and there.shape == array.shape and _may_shrink(name, array) and is_rounded(there)


def _closest(kept: np.ndarray, array: np.ndarray, targets: np.ndarray | None) -> np.ndarray:
    """Of all roundings of an output, with the floor that the kept one has, the one nearest to it."""
    lowest = kept.min(initial=0)
    floor = lowest if -lowest in NEARER else -np.inf
    floored = (np.maximum(form(number), floor) for form, bits in _forms(array) for number in bits)
    found = (few for one in floored for few in coarse_forms(one, targets))
    return min(found, key=lambda few: float(np.abs(few.astype(np.float64) - kept).max(initial=0.0)))


def _targets(name: str, arrays: Arrays) -> np.ndarray | None:
    """Those of an output's split."""
    return arrays.get(prediction_key(name.split("/")[-2], "targets"))


def is_rounded(array: np.ndarray) -> bool:
    """Whether numbers have no more bits than `rounded` leaves; measured ones nearly always have all that they hold."""
    return array.dtype.kind == "f" and np.array_equal(array, _significant(array, IN_FLOAT32[-1]))


def rounded(record: Record, arrays: Arrays) -> Arrays:
    """The arrays with outputs in float32 rounded to the fewest bits that will do.

    Metrics as printed and item scores stay those of the record. Outputs (n, C) are kept below each row's largest where
    these depend on differences within a row alone; else, and for other shapes, as they are but for the bits. An output
    that no number of bits keeps so stays. What is far below a row's largest becomes one number, and what is neither
    first, second nor target is kept in fewer bits (`bench.report.coarse`).
    """
    found = dict(arrays)
    for name, array in arrays.items():
        keeps = partial(_keeps, record, found, name)  # beside what is rounded so far: boxes and scores act together
        if _may_shrink(name, array):
            tried = (_fewest(form, bits, keeps) for form, bits in _forms(array))
            found[name] = next((few for few in tried if few is not None), array)
        if _is_below_largest(name, found[name]) and not is_coarse(found[name], _targets(name, arrays)):
            found[name] = _coarsest(_with_floor(found[name], keeps), _targets(name, arrays), keeps)
    return found


def _is_below_largest(name: str, few: np.ndarray) -> bool:
    """Whether an array is a rounded output (n, C), given below each row's largest."""
    return _is_prediction(name) and few.ndim == 2 and few.size > 0 and is_rounded(few) and not few.max(1).any()


def _with_floor(few: np.ndarray, keeps: Callable[[np.ndarray], bool]) -> np.ndarray:
    """With the highest floor that will do."""
    tried = (np.maximum(few, few.dtype.type(-floor)) for floor in NEARER if few.min() < -floor)
    return next((floored for floored in tried if keeps(floored)), few)


def _coarsest(few: np.ndarray, targets: np.ndarray | None, keeps: Callable[[np.ndarray], bool]) -> np.ndarray:
    """With the fewest bits that will do where a row's entry is neither of its largest nor its target."""
    if targets is None or not may_be_coarse(few, targets):
        return few
    found = next(filter(keeps, (coarser(few, targets, bits) for bits in IN_BITS)), few)
    return few if np.array_equal(found, few) else found


def _fewest(form: Form, bits: range, keeps: Callable[[np.ndarray], bool]) -> np.ndarray | None:
    """A form of an output in the fewest bits that will do; found by halving, for more bits hardly ever keep less."""
    low, high = bits[0], bits[-1]
    if not keeps(form(high)):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(form(middle)) else (middle + 1, high)
    return form(high)


def _is_prediction(name: str) -> bool:
    """Whether an array is what metrics read; none would notice what becomes of features."""
    return is_output(name) and not name.endswith("/features")


def _may_shrink(name: str, array: np.ndarray) -> bool:
    """Whether an array is an output of plain numbers, not rounded yet."""
    plain = array.dtype == np.float32 and bool(np.isfinite(array).all())
    return _is_prediction(name) and plain and not is_rounded(array)


def _forms(array: np.ndarray) -> Iterator[tuple[Form, range]]:
    """What an output may be kept as, the smallest first; bits of a float32 that are 0 take no room in a file."""
    if array.ndim == 2:
        below = array - array.max(1, keepdims=True)
        near = np.maximum(below, -FARTHEST)
        yield lambda bits: _significant(near, bits).astype(np.float16), IN_FLOAT16
        yield lambda bits: _significant(below, bits).astype(np.float16), IN_FLOAT16
        yield lambda bits: _significant(below, bits), IN_FLOAT32
    yield lambda bits: _significant(array, bits), range(IN_FLOAT16[0], IN_FLOAT32[-1] + 1)


def _significant(array: np.ndarray, bits: int) -> np.ndarray:
    """Numbers to so many significant bits."""
    fraction, exponent = np.frexp(array.astype(np.float64))
    return np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent).astype(array.dtype)


def _keeps(record: Record, arrays: Arrays, changed: str, few: np.ndarray) -> bool:
    """Whether a record's metrics, as printed, and its items are those of its predictions, with one of them changed."""
    stage_name, split, _ = changed.split("/")
    stage = next((stage for stage in record.stages if stage.name == stage_name), None)
    if stage is None or split not in stage.metrics:
        return False  # nothing would notice what becomes of it
    kept = {"metrics": {split: stage.metrics[split]}, "items": {split: stage.items.get(split, {})}}
    part = record.model_copy(update={"stages": [stage.model_copy(update=kept)]})
    return next(contradicted(part, {**arrays, changed: few}), None) is None
