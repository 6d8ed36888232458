"""Outputs in fewer bits where an entry is neither first, second nor its row's target: probabilities stay."""

from __future__ import annotations

import bz2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import finished

from bench.report.coarse import LARGEST, coarser, is_coarse, may_be_coarse
from bench.report.rounding import as_kept, rounded
from bench.tasks.classification import Classification

NAME = "stage1/test/logits"


def outputs(seed: int, rows: int, classes: int, floor: float = -np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Logits below each row's largest, in float16, and targets."""
    rng = np.random.default_rng(seed)
    logits = 4 * rng.normal(size=(rows, classes))
    below = np.maximum(logits - logits.max(1, keepdims=True), floor).astype(np.float16)
    return below, rng.integers(classes, size=rows)


def log_sums(values: np.ndarray) -> np.ndarray:
    return np.log(np.exp(values.astype(np.float64)).sum(1))


SHAPES = st.tuples(st.integers(1, 30), st.integers(3, 12))  # rows, classes


@given(st.integers(0, 10**6), SHAPES, st.integers(1, 8), st.sampled_from([-np.inf, -12]))
def test_what_counts_is_untouched_and_twice_is_once(seed: int, shape: tuple[int, int], bits: int, floor: float) -> None:
    rows, classes = shape
    before, targets = outputs(seed, rows, classes, floor)
    after = coarser(before, targets, bits)
    each = np.arange(rows)
    assert np.array_equal(after[each, targets], before[each, targets])
    largest = np.sort(before, axis=1)[:, -LARGEST:]
    assert np.array_equal(np.sort(after, axis=1)[:, -LARGEST:], largest)
    assert after.min() == before.min()
    assert np.abs(after - before).max() <= np.abs(before).max() * 2.0 ** (1 - bits)
    assert np.array_equal(coarser(after, targets, bits), after)


@pytest.mark.parametrize("classes", [7, 100])
def test_rows_keep_the_sum_of_their_exponentials(classes: int) -> None:
    """Rounding each entry by itself makes it larger, for an exponential is convex."""
    before, targets = outputs(0, 2000, classes)
    few = coarser(before, targets, 3)
    alone = in_bits(before, 3)
    kept, lost = (np.abs(log_sums(values) - log_sums(before)).mean() for values in (few, alone))
    assert kept < lost / 3
    assert kept < 3e-3


def test_only_rows_with_a_target_and_more_entries_than_the_largest() -> None:
    few, targets = outputs(0, 20, 5)
    assert may_be_coarse(few, targets)
    assert not may_be_coarse(few, None)
    assert not may_be_coarse(few, targets + 1)  # one of them is no entry: not what a row's entries are counted by
    assert not may_be_coarse(few, targets.astype(np.float32))
    assert not may_be_coarse(few, np.stack([targets, targets], axis=1))
    assert not may_be_coarse(*outputs(0, 20, 2))


@pytest.mark.parametrize("floor", [-np.inf, -14])
@pytest.mark.parametrize("bits", [2, 4])
def test_a_repetition_is_made_as_coarse_as_the_record(bits: int, floor: float) -> None:
    again = 4 * np.random.default_rng(0).normal(size=(60, 9)).astype(np.float32)
    targets = np.arange(60) % 9
    plain = np.maximum(in_bits(again, 8), np.float16(floor))
    kept = {NAME: coarser(plain, targets, bits), "test/targets": targets}
    assert is_coarse(kept[NAME], targets)
    assert not is_coarse(plain, targets)
    assert np.array_equal(as_kept(kept, {NAME: again})[NAME], kept[NAME])
    again[3, 2] += 0.5
    assert not np.array_equal(as_kept(kept, {NAME: again})[NAME], kept[NAME])


def test_a_record_becomes_smaller_and_says_the_same() -> None:
    record, _ = finished("digits/pico/lora/quick/seed=0")
    rng = np.random.default_rng(0)
    targets = rng.integers(60, size=2000)
    logits = rng.normal(scale=3, size=(len(targets), 60)).astype(np.float32)
    logits[np.arange(len(targets)), targets] += 6
    metrics = Classification().evaluate(targets, {"logits": logits})
    stage = record.stages[0].model_copy(update={"metrics": {"test": metrics}, "items": {"test": {}}})
    record = record.model_copy(update={"stages": [stage]})
    few = rounded(record, {"test/targets": targets, NAME: logits})[NAME]
    assert is_coarse(few, targets)
    assert rounded(record, {"test/targets": targets, NAME: few})[NAME] is few
    assert len(bz2.compress(few.tobytes())) < 0.9 * len(bz2.compress(in_bits(logits, 6).tobytes()))
    found = Classification().evaluate(targets, {"logits": few})
    assert found["accuracy"] == metrics["accuracy"]
    assert found["nll"] == pytest.approx(metrics["nll"], abs=0.5e-4)
    assert found["ece"] == pytest.approx(metrics["ece"], abs=0.5e-4)


def in_bits(logits: np.ndarray, bits: int) -> np.ndarray:
    """All entries below their row's largest, in so many bits."""
    fraction, exponent = np.frexp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    return np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent).astype(np.float16)
