"""The closing sentence names the best row and those that were not found worse, as the verdicts have it."""

from __future__ import annotations

from pathlib import Path

from made_records import done

from bench.api.table import make
from bench.plots.comparison import comparison
from bench.plots.pairs import pairs
from bench.records import Store
from bench.tables.summary import summary
from bench.tasks.base import Metric

SETTING = "digits/pico/{}/quick/seed={}"


def said(folder: Path, **right: int) -> str:
    for name, hits in right.items():
        for seed in (0, 1, 2):
            Store(folder).put(*done(SETTING.format(name, seed), right=(hits,), n=400))
    return summary(make(Store(folder), None))


def test_what_cannot_be_told_apart_is_named_and_what_was_found_worse_is_counted(tmp_path: Path) -> None:
    text = said(tmp_path, knn=100, linear_probe=380, lora=381)
    assert ", recipe quick: best was lora, accuracy 95.2 %;" in text
    assert text.endswith("linear_probe are not significantly different from it, 1 of 2 were found worse.")


def test_a_clear_winner(tmp_path: Path) -> None:
    assert said(tmp_path, knn=100, linear_probe=380).endswith("every other row was found worse.")


def test_one_row_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    assert said(tmp_path, knn=100) == ""


def test_rows_with_the_same_mean_are_named_together(tmp_path: Path) -> None:
    """In the sentence and in the titles of both figures, also where one has fewer seeds."""
    Store(tmp_path).put(*done(SETTING.format("vpt", 0), right=(380,), n=400))
    text = said(tmp_path, knn=100, lora=380, ridge=378)
    table = make(Store(tmp_path), None)
    (block,) = table.blocks
    best = text.partition("best were ")[2].partition(",")[0]
    assert sorted(best.split(" and ")) == ["lora", "vpt"]
    assert "ridge are not significantly different from them, 1 of 2 were found worse" in text
    assert comparison(table).heading.startswith(f"{best} have the best mean accuracy")
    assert all(f"/{name}/stage1" in pairs(block).heading for name in ("lora", "vpt"))


def test_many_rows_are_counted_not_listed(tmp_path: Path) -> None:
    methods = ["vpt", "lora", "ridge", "bitfit", "adapter", "linear_probe", "logistic"]
    level = said(tmp_path, **{name: 380 + number for number, name in enumerate(methods)})
    assert level.endswith("none of the 6 other rows is significantly different from it.")
    beaten = said(tmp_path, knn=100)
    assert ", ridge and 2 more are not significantly different from it, 1 of 7 were found worse." in beaten


def test_alike_is_what_is_shown() -> None:
    accuracy, loss = Metric("accuracy"), Metric("nll", unit="nats", decimals=4)
    assert accuracy.alike(0.65691, 0.65689)
    assert not accuracy.alike(0.6569, 0.6570)
    assert not loss.alike(0.6569, 0.6570)
