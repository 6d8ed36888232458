"""The closing sentence names the best row and those that were not found worse, as the verdicts have it."""

from __future__ import annotations

from made_records import done

from bench.tables import aggregate
from bench.tables.closing import closing

SETTING = "digits/pico/{}/quick/seed={}"


def said(**right: int) -> str:
    records = [
        done(SETTING.format(name, seed), right=(hits,), n=400)[0] for name, hits in right.items() for seed in (0, 1, 2)
    ]
    return closing(aggregate(records))


def test_what_cannot_be_told_apart_is_named_and_what_was_found_worse_is_counted() -> None:
    text = said(knn=100, linear_probe=380, lora=381)
    assert text.startswith("digits (limited), recipe quick: best was pico/lora/stage1, accuracy 95.2 %;")
    assert "pico/linear_probe/stage1 cannot be told apart from it, 1 of 2 were found worse." in text


def test_a_clear_winner() -> None:
    assert said(knn=100, linear_probe=380).endswith("every other row was found worse.")


def test_one_row_has_nothing_to_be_compared_with() -> None:
    assert said(knn=100) == ""
