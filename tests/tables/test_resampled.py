"""Repeated splits: each data seed has its own test samples, and intervals are those of the corrected resampled t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import done
from scipy import stats

from bench.core.errors import UsageError
from bench.records import Record, Store
from bench.tables import aggregate, render
from bench.tables.rows import distinct_titles, group
from bench.tables.titles import Titles
from bench.tables.versus import versus

SPLITS = 4


def runs(method: str, right: Sequence[int], train: int = 300) -> list[Record]:
    """A run a data seed, on test samples of its own."""
    found = []
    for seed, hits in enumerate(right):
        record = done(f"digits/pico/{method}/quick/seed=0,data_seed={seed}", right=(hits,))[0]
        stage = record.stages[0]
        items = {"test": {**stage.items["test"], "ids": f"split {seed}"}}
        stage = stage.model_copy(update={"items": items, "n": {"train": train, **stage.n}})
        found.append(record.model_copy(update={"stages": [stage], "n": stage.n}))
    return found


def test_the_interval_is_corrected_for_shared_training_samples() -> None:
    right = [70, 76, 81, 73]
    (row,) = aggregate(runs("lora", right)).rows
    value, values = row.values["accuracy"], np.array(right) / 100
    half = stats.t.ppf(0.975, SPLITS - 1) * np.sqrt((1 / SPLITS + 100 / 300) * values.var(ddof=1))
    assert value.mean == pytest.approx(values.mean())
    assert (value.low, value.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert "splits 70.00–81.00" in render(aggregate(runs("lora", right)), "md")


def test_runs_on_different_samples_are_never_paired() -> None:
    table = aggregate([*runs("lora", [70, 76, 81, 73]), *runs("vpt", [60, 67, 70, 64])])
    assert all(row.letters == "" and row.ranks is None for row in table.rows)
    (told,) = (note for note in table.notes if "over 4 splits" in note)
    assert told.startswith("lora on pico less vpt on pico, over 4 splits: +9.8 [")
    assert "different (corrected resampled t" in told


def test_the_short_table_says_what_differs_from_the_best_over_splits() -> None:
    """Against the best, by the corrected resampled t with Holm's adjustment, as SciPy computes both."""
    best, near, far = [70, 76, 81, 73], [69, 77, 79, 73], [50, 57, 60, 54]
    table = aggregate([*runs("lora", best), *runs("vpt", near), *runs("bitfit", far)])
    text = replace(table, titles=Titles()).text()
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert " best" in rows["LoRA"]
    assert " n.s." in rows["VPT"]
    assert " -19.8" in rows["BitFit"]
    p = []
    for other in (near, far):
        gaps = (np.array(best) - np.array(other)) / 100
        t = gaps.mean() / np.sqrt((1 / SPLITS + 100 / 300) * gaps.var(ddof=1))
        p.append(2 * stats.t.sf(abs(t), SPLITS - 1))
    assert min(p) * 2 < 0.05 < max(p)
    assert "No significant difference from VPT. Significantly worse: 1 of 2 others." in " ".join(text.split())


def test_compare_tells_the_difference_over_splits(tmp_path: Path) -> None:
    records = [*runs("lora", [70, 76, 81, 73]), *runs("vpt", [60, 67, 70, 64])]
    with pytest.raises(UsageError, match=r"cannot be paired\. lora on pico less vpt on pico, over 4 splits"):
        versus(Store(tmp_path), records, "lora", "vpt")


def test_rows_are_told_apart_by_what_differs() -> None:
    lora, other = (next(iter(group(runs(method, [70])))) for method in ("lora", "vpt"))
    assert distinct_titles(lora, other) == ("lora on pico", "vpt on pico")
    earlier = replace(lora, stage="before")
    assert distinct_titles(lora, earlier) == (f"lora on pico ({lora.stage})", "lora on pico (before)")
    assert distinct_titles(lora, replace(lora, recipe="paper")) == ("lora on pico, quick", "lora on pico, paper")
