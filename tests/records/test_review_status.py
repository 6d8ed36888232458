"""Results from outside pass three steps, and lose their standing when they change."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_results import fill, finished, grid

from bench.api.table import make
from bench.core.errors import UsageError
from bench.records import Store
from bench.records.review_status import FILE, advance, latest, read

CELL = "digits/pico/lora/quick/seed=0"


def test_steps_follow_each_other(tmp_path: Path) -> None:
    records = fill(tmp_path, [CELL])
    with pytest.raises(UsageError, match="not submitted yet"):
        advance(tmp_path, records, "rerun", "ada")
    for status in ("submitted", "rerun", "confirmed"):
        advance(tmp_path, records, status, "ada")
        step = latest(read(tmp_path)[CELL], records[0])
        assert step is not None
        assert (step.status, step.by) == (status, "ada")
    with pytest.raises(UsageError, match="Did you mean 'confirmed'"):
        advance(tmp_path, records, "confirm", "ada")
    assert len((tmp_path / FILE).read_text().splitlines()) == 3


def test_tables_show_the_least_checked_run(tmp_path: Path) -> None:
    records = fill(tmp_path, grid(methods=["lora", "vpt"], seeds=2))
    advance(tmp_path, records[:2], "submitted", "ada")
    advance(tmp_path, records[:1], "rerun", "bob")
    marks = {row.key.method: row.warnings for row in make(Store(tmp_path), None).rows}
    assert "sent in by ada" in marks["lora"]["submitted"]
    assert not {"submitted", "rerun", "confirmed"} & set(marks["vpt"])


def test_a_replaced_record_has_no_standing(tmp_path: Path) -> None:
    (record,) = fill(tmp_path, [CELL])
    advance(tmp_path, [record], "submitted", "ada")
    Store(tmp_path).put(*finished(CELL, n=141))
    (row,) = make(Store(tmp_path), None).rows
    assert "submitted" not in row.warnings


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}\n")
    with pytest.raises(UsageError, match="line 1"):
        read(tmp_path)
