"""Chance without a generator: each number is a hash of what it is for, so it depends on nothing else.

The numbers of a sample follow from the data seed, named axes (stage, epoch, view) and the sample's id; neither batch
size, order, workers nor the version of a library play a part. The mixing function is the finaliser of SplitMix64
(Steele, Lea & Flood, OOPSLA 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd


def sample_keys(ids: Iterable[str]) -> np.ndarray:
    """Return (n,) uint64, one number for each id, from its text alone."""
    return np.array([_text_key(name) for name in ids], dtype=np.uint64)


def uniform(data_seed: int, axes: tuple[int | str, ...], keys: np.ndarray, count: int) -> np.ndarray:
    """Numbers in [0, 1), float64 (B, count); column j is the same whatever ``count`` is.

    Args:
        data_seed: Any whole number.
        axes: What the numbers are for, such as ("augment", stage, epoch).
        keys: (B,) uint64 of the samples; see `sample_keys`.
    """
    start = _mix(np.array([data_seed % 2**64], dtype=np.uint64))
    for axis in axes:
        start = _mix(start ^ np.array([_axis_key(axis)], dtype=np.uint64))  # mixed with plain: order matters
    streams = _mix(start ^ keys.astype(np.uint64))[:, None]
    steps = np.arange(1, count + 1, dtype=np.uint64)[None] * _STEP
    return (_mix(streams + steps) >> np.uint64(11)) * 2.0**-53


def _mix(values: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit numbers in which every bit of the input changes half of the output's; wraps around."""
    values = values + _STEP
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _axis_key(axis: int | str) -> int:
    return axis % 2**64 if isinstance(axis, int) else _text_key(axis)


def _text_key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")
