"""shots and fraction: nested, seeded, independent of the other samples."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import DataError
from bench.data.tables.subset import shrink

tables = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["train", "val", "test", ""])), min_size=1, max_size=80
).map(
    lambda rows: pd.DataFrame(
        {"id": [f"s{i}" for i in range(len(rows))], "label": [r[0] for r in rows], "split": [r[1] for r in rows]}
    )
)


def training(table: pd.DataFrame, split: pd.Series) -> set[str]:
    return set(table["id"][split == "train"])


@given(tables, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5))
def test_fractions_are_nested_and_stratified(table: pd.DataFrame, a: float, b: float, seed: int) -> None:
    small, large = sorted((a, b))
    few, many = (shrink(table, "train", None, share, seed) for share in (small, large))
    assert training(table, few) <= training(table, many)
    untouched = table["split"] != "train"
    assert (few[untouched] == table["split"][untouched]).all()
    for _, rows in table[table["split"] == "train"].groupby("label"):
        kept = int((few[rows.index] == "train").sum())
        assert kept >= 1
        assert 0 <= kept - len(rows) * small + 1e-9 * len(rows) < 1 + 1e-6  # rounded up


@given(tables, st.integers(1, 5), st.integers(0, 5))
def test_shots_are_exact_and_nested(table: pd.DataFrame, shots: int, seed: int) -> None:
    sizes = table[table["split"] == "train"]["label"].value_counts()
    if len(sizes) and sizes.min() < shots:
        with pytest.raises(DataError, match="Ask for fewer shots"):
            shrink(table, "train", shots, None, seed)
        return
    chosen = [training(table, shrink(table, "train", k, None, seed)) for k in range(1, shots + 1)]
    assert all(small < large for small, large in pairwise(chosen)) or not len(sizes)
    assert len(chosen[-1]) == shots * len(sizes)


def test_a_seed_chooses_and_the_order_of_rows_does_not() -> None:
    table = pd.DataFrame({"id": [f"s{i}" for i in range(40)], "label": [i % 2 for i in range(40)], "split": "train"})
    chosen = training(table, shrink(table, "train", 4, None, 0))
    assert chosen == training(table.iloc[::-1], shrink(table.iloc[::-1], "train", 4, None, 0))
    assert chosen != training(table, shrink(table, "train", 4, None, 1))


def test_samples_that_are_missing_change_no_other_choice() -> None:
    table = pd.DataFrame({"id": [f"s{i}" for i in range(40)], "label": 0, "split": "train"})
    chosen = training(table, shrink(table, "train", 8, None, 3))
    fewer = table[~table["id"].isin(sorted(set(table["id"]) - chosen)[:10])]
    assert training(fewer, shrink(fewer, "train", 8, None, 3)) == chosen
