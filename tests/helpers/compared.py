"""Comparing two results folders, time and environment aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.records import Store


def assert_same_results(one: Path, other: Path) -> int:
    """Assert bit-equal records and predictions; returns how many were compared."""
    first, second = ({record.cell: record for record in Store(folder).all()} for folder in (one, other))
    assert first.keys() == second.keys()
    for cell, record in first.items():
        assert record.comparable() == second[cell].comparable(), cell
        mine, theirs = Store(one).predictions(cell), Store(other).predictions(cell)
        assert mine.keys() == theirs.keys()
        for name, array in mine.items():
            np.testing.assert_array_equal(array, theirs[name], err_msg=f"{cell} {name}")
    return len(first)
