"""Chance from hashes: uniform, independent, and the same everywhere."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from bench.data.augment.chance import sample_keys, uniform

KEYS = sample_keys(f"sample{number}" for number in range(20_000))


def splitmix64(state: int) -> int:
    """One output of SplitMix64 as published (Steele, Lea & Flood 2014), in Python's unbounded integers."""
    mask = 2**64 - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_numbers_are_those_of_the_formula() -> None:
    key = int(KEYS[0])
    stream = splitmix64(splitmix64(splitmix64(7) ^ 3) ^ key)
    expected = [(splitmix64((stream + j * 0x9E3779B97F4A7C15) % 2**64) >> 11) / 2**53 for j in (1, 2, 3)]
    assert uniform(7, (3,), KEYS[:1], 3)[0].tolist() == expected


@pytest.mark.parametrize("axes", [(0, 0), (0, 1), ("view", 3)])
def test_every_column_is_uniform_and_independent_of_the_others(axes: tuple[int | str, ...]) -> None:
    drawn = uniform(0, axes, KEYS, 12)
    assert 0 <= drawn.min() <= drawn.max() < 1
    for column in drawn.T:
        assert kstest(column, "uniform").pvalue > 1e-4
    pairs = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=10)[0].ravel()
    assert chisquare(pairs).pvalue > 1e-4
    assert np.abs(np.corrcoef(drawn.T) - np.eye(12)).max() < 0.03


def test_seed_and_every_axis_matter_and_so_does_their_order() -> None:
    axes: list[tuple[int | str, ...]] = [(1, 2), (2, 1), (1,), (1, 2, 0), ("1", "2"), ("view", 1), ()]
    drawn = [uniform(seed, one, KEYS[:2000], 1)[:, 0] for seed in (0, 1) for one in axes]
    assert len({tuple(one) for one in drawn}) == len(drawn)
    correlations = np.corrcoef(np.array(drawn)) - np.eye(len(drawn))
    assert np.abs(correlations).max() < 0.1  # 1 / sqrt(2000) = .02


def test_a_sample_has_its_numbers_in_any_company() -> None:
    whole = uniform(0, (0, 5), KEYS[:50], 12)
    order = np.random.default_rng(0).permutation(50)
    assert np.array_equal(uniform(0, (0, 5), KEYS[:50][order], 12), whole[order])
    assert np.array_equal(uniform(0, (0, 5), KEYS[17:18], 3), whole[17:18, :3])


def test_keys_come_from_the_text_alone() -> None:
    code = "from bench.data.augment.chance import sample_keys; print(*sample_keys(['a', 'c0/1.png', 'naïve']))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [str(key) for key in sample_keys(["a", "c0/1.png", "naïve"])] == other
    assert len(set(KEYS.tolist())) == len(KEYS)
    assert KEYS.dtype == np.uint64
