"""The closing sentence names the best row and those that were not found worse, as the verdicts have it."""

from __future__ import annotations

from pathlib import Path

from made_records import done

from bench.cli.commands.table import make
from bench.records import Store
from bench.tables.closing import closing

SETTING = "digits/pico/{}/quick/seed={}"


def said(folder: Path, **right: int) -> str:
    for name, hits in right.items():
        for seed in (0, 1, 2):
            Store(folder).put(*done(SETTING.format(name, seed), right=(hits,), n=400))
    return closing(make(Store(folder), None))


def test_what_cannot_be_told_apart_is_named_and_what_was_found_worse_is_counted(tmp_path: Path) -> None:
    text = said(tmp_path, knn=100, linear_probe=380, lora=381)
    assert ", recipe quick: best was lora, accuracy 95.2 %;" in text
    assert text.endswith("linear_probe cannot be told apart from it, 1 of 2 were found worse.")


def test_a_clear_winner(tmp_path: Path) -> None:
    assert said(tmp_path, knn=100, linear_probe=380).endswith("every other row was found worse.")


def test_one_row_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    assert said(tmp_path, knn=100) == ""
