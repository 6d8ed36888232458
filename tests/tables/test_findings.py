"""What follows from a comparison group: the best, who is not significantly different, and what would show more."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import done

from bench.api.table import make
from bench.plots.comparison import comparison
from bench.plots.pairs import pairs
from bench.records import Store
from bench.tables import Table
from bench.tables.findings import findings, helped_by_seeds, labels
from bench.tasks.base import Metric

SETTING = "digits/pico/{}/quick/seed={}"


def table_of(folder: Path, n: int = 400, seeds: tuple[int, ...] = (0, 1, 2), **right: int) -> Table:
    for name, hits in right.items():
        for seed in seeds:
            Store(folder).put(*done(SETTING.format(name, seed), right=(hits,), n=n))
    return make(Store(folder), None)


def said(folder: Path, **right: int) -> list[str]:
    table = table_of(folder, **right)
    [block] = table.compared
    return list(findings(block, labels(block, table.rows, table.titles), table.evaluations))


def test_what_does_not_differ_is_named_and_what_is_worse_is_counted(tmp_path: Path) -> None:
    best, detectable = said(tmp_path, knn=100, linear_probe=380, lora=381)
    assert best == "Best: LoRA. No significant difference from Linear probe. Significantly worse: 1 of 2 others."
    assert "400 test images" in detectable


def test_a_clear_winner(tmp_path: Path) -> None:
    assert said(tmp_path, knn=100, linear_probe=380)[0] == "Best: Linear probe. Significantly worse: 1 of 1 others."


def test_one_row_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    assert said(tmp_path, knn=100) == []


def test_rows_with_the_same_mean_are_named_together(tmp_path: Path) -> None:
    """In the sentence and in the titles of both figures, also where one has fewer seeds."""
    Store(tmp_path).put(*done(SETTING.format("vpt", 0), right=(380,), n=400))
    text = said(tmp_path, knn=100, lora=380, ridge=378)[0]
    table = make(Store(tmp_path), None)
    (block,) = table.compared
    best = text.partition("Best: ")[2].partition(" (some")[0]
    assert sorted(best.split(" and ")) == ["LoRA", "VPT"]
    assert "No significant difference from Ridge regression. Significantly worse: 1 of 2" in text
    assert {"LoRA", "VPT"} <= set(comparison(table).heading.replace(",", "").split())
    assert all(f"/{name}/stage1" in pairs(block).heading for name in ("lora", "vpt"))


def test_many_rows_are_counted_not_listed(tmp_path: Path) -> None:
    methods = ["vpt", "lora", "ridge", "bitfit", "adapter", "linear_probe", "logistic"]
    text = said(tmp_path, **{name: 380 + number for number, name in enumerate(methods)})[0]
    assert text.endswith("and 3 more.")
    assert "worse" not in text


@pytest.mark.parametrize(("seeds", "helps"), [((0,), True), ((0, 1, 2), False)])
def test_more_seeds_are_asked_for_only_where_they_help(tmp_path: Path, seeds: tuple[int, ...], helps: bool) -> None:
    """Runs that agree on every item: with three seeds only images help, with one nothing is known of seeds."""
    table = table_of(tmp_path, n=100, seeds=seeds, linear_probe=80, lora=84)
    [block] = table.compared
    assert helped_by_seeds(block) == helps
    detectable = list(findings(block, labels(block, table.rows, table.titles)))[1]
    assert ("three seeds are needed" in detectable) == helps
    assert ("more seeds do not help" in detectable) == (not helps)


def test_alike_is_what_is_shown() -> None:
    accuracy, loss = Metric("accuracy"), Metric("nll", unit="nats", decimals=4)
    assert accuracy.alike(0.65691, 0.65689)
    assert not accuracy.alike(0.6569, 0.6570)
    assert not loss.alike(0.6569, 0.6570)


def test_two_methods_that_no_seed_changes_have_no_number_of_seeds(tmp_path: Path) -> None:
    told = " ".join(said(tmp_path, knn=380, majority=376))
    assert "seed" not in told
    assert "400 test images" in told
    assert " and 3 seeds" in " ".join(said(tmp_path / "trained", lora=380, linear_probe=376))
