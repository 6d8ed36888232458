"""Outcomes, tables and charts show themselves in a notebook, and what they show is escaped."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_results import EVIL_CELL, fill, grid

import bench
from bench.api.outcome import Outcome
from bench.core.errors import UsageError
from bench.plugins.folders import foreign_folders, use_folders, user_folders


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    cells = grid(methods=["knn", "lora", "cladapter"], seeds=2)
    fill(tmp_path, [*cells, "pacs/pico/vpt/quick/seed=0"])
    return Outcome(cells, len(cells), {"digits/pico/vpt/quick/seed=0": "usage: <b>"}, tmp_path)


def test_an_outcome_shows_its_own_cells(outcome: Outcome) -> None:
    shown = outcome._repr_html_()
    assert outcome.table()._repr_html_() in shown
    assert "cladapter" in shown
    assert "vpt" not in shown.partition("Failed")[0]  # another run's
    assert "usage: &lt;b&gt;" in shown
    assert str(outcome.table()) == str(outcome)


def test_charts_by_name(outcome: Outcome, tmp_path: Path) -> None:
    assert {point["method"] for point in outcome.plot().points} == {"kNN", "LoRA", "CLAdapter"}
    front = outcome.plot("pareto", x="seconds")
    assert front.save(tmp_path / "front.svg").read_text().startswith("<svg")
    with pytest.raises(UsageError, match="No chart"):
        outcome.plot("pie")


def test_names_are_escaped(tmp_path: Path) -> None:
    fill(tmp_path, [EVIL_CELL.format(0)])
    assert "<img" not in Outcome([EVIL_CELL.format(0)], 1, {}, tmp_path)._repr_html_()


def test_a_suite_that_trains_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="parameters_table7"):
        bench.run("parameters_table7")


def test_folders_of_plug_ins_are_added_to_those_that_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether by an earlier call, in the environment, or here."""
    *folders, named = (tmp_path / name for name in ("first", "second", "named"))
    for folder in (*folders, named):
        folder.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(named))
    use_folders(folders[:1])
    try:
        with pytest.raises(UsageError, match="No method 'nothing'"):
            bench.run("digits/pico/nothing/quick/seed=0", plugins=folders[1:])
        assert user_folders() == folders
        assert foreign_folders()[:3] == [*folders, named]
    finally:
        use_folders([])
