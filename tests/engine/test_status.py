"""`bench status`: what runs, waits or was stopped in a results folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.training import checkpoint
from tests.engine.conftest import RunCells


def status(results: Path) -> list[dict[str, object]]:
    shown = CliRunner().invoke(app, ["status", "--results", str(results), "--json"])
    assert shown.exit_code == 0, shown.output
    found: list[dict[str, object]] = json.loads(shown.stdout)
    return found


def test_running_then_stopped_then_nothing(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, save = [], checkpoint.save

    def stop_at_two(folder: Path, learner: checkpoint.Learner) -> None:
        save(folder, learner)
        seen.extend(status(tmp_path))
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        run_cells(tmp_path, ["linear_probe"], "quick[epochs=4]")
    assert [(one["state"], one["done"], one["epochs"]) for one in seen] == [("running", 1, 4), ("running", 2, 4)]
    assert str(seen[0]["where"]).endswith(f"process {os.getpid()}")
    (stopped,) = status(tmp_path)
    assert (stopped["state"], stopped["done"], stopped["where"]) == ("stopped", 2, "")
    monkeypatch.setattr(checkpoint, "save", save)
    (cell,) = run_cells(tmp_path, ["linear_probe"], "quick[epochs=4]").cells
    assert stopped["cells"] == [cell]
    assert status(tmp_path) == []
    text = CliRunner().invoke(app, ["status", "--results", str(tmp_path)]).stdout
    assert text.startswith("Nothing is under way in ")


def test_what_another_recipe_has_left_is_not_counted(
    run_cells: RunCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells of two recipes share the folder of their group."""
    seen, save = [], checkpoint.save

    def stop(folder: Path, learner: checkpoint.Learner) -> None:
        save(folder, learner)
        seen.extend(status(tmp_path))
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", stop)
    for epochs in (4, 3):
        with pytest.raises(KeyboardInterrupt):
            run_cells(tmp_path, ["linear_probe"], f"quick[epochs={epochs}]")
    assert [(one["done"], one["epochs"]) for one in seen] == [(1, 4), (1, 3)]


def test_a_job_that_waits_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / ".checkpoints").mkdir()
    (tmp_path / ".checkpoints" / "abc.job").write_text(json.dumps({"job": "17_3", "cells": ["a cell"]}))
    shown = CliRunner().invoke(app, ["status", "--results", str(tmp_path)]).stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["waiting", "0", "of", "0", "epochs", "job", "17_3"],
        ["a", "cell"],
    ]
    wrong = CliRunner().invoke(app, ["status", "--results", str(tmp_path / "nowhere")])
    assert wrong.exit_code == 2
    assert "--results" in wrong.stderr


@pytest.mark.parametrize(
    ("file", "text"), [("one/group.json", "junk"), ("one/group.json", '{"a": 1}'), ("x.job", "[]")]
)
def test_a_damaged_file_is_named(tmp_path: Path, file: str, text: str) -> None:
    damaged = tmp_path / ".checkpoints" / file
    damaged.parent.mkdir(parents=True)
    damaged.write_text(text)
    shown = CliRunner().invoke(app, ["status", "--results", str(tmp_path)])
    assert (shown.exit_code, shown.output) == (
        2,
        f"bench: {damaged} is damaged. Remove it: `bench run` can do without.\n",
    )
