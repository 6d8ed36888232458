"""The functions that read a results folder: what they give prints as the command does, and says what it left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_results import fill, grid
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.core.errors import UsageError
from bench.records import Store

BROKEN = "digits/pico/lora/quick/seed=2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path, grid(methods=["majority", "lora"], seeds=3))
    return tmp_path


def printed(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout.rstrip("\n")


def test_objects_print_what_the_commands_print(folder: Path) -> None:
    place = ("--results", folder)
    assert bench.table(results=folder).text("md") == printed("table", *place, "--format", "md")
    assert str(bench.compare("majority", "lora", results=folder)) == printed("compare", "majority", "lora", *place)
    assert str(bench.errors("lora", results=folder, shown=3)) == printed("errors", "lora", "--shown", 3, *place)
    assert str(bench.verify("cladapter:table4", results=folder)) == printed("verify", "cladapter:table4", *place)


def test_filters_and_metrics_as_a_list_or_as_text(folder: Path) -> None:
    """Several filters must all hold, as on the command line."""
    as_text = bench.table("lora seed=0", results=folder, metrics="accuracy,nll")
    assert str(bench.table(["lora", "seed=0"], results=folder, metrics=["accuracy", "nll"])) == str(as_text)
    assert [(row.key.method, row.seeds) for row in as_text.rows] == [("lora", 1)]
    assert as_text.columns == ("accuracy", "nll")


def test_what_cannot_be_read_is_warned_of(folder: Path) -> None:
    Store(folder).path(BROKEN).write_text("{")
    with pytest.warns(UserWarning, match="left out: .*lora"):
        table = bench.table(results=folder)
    assert {row.key.method: row.seeds for row in table.rows} == {"majority": 3, "lora": 2}


def test_who_gives_a_store_finds_it_there(folder: Path, recwarn: pytest.WarningsRecorder) -> None:
    store = Store(folder)
    store.path(BROKEN).write_text("{")
    bench.table(results=store)
    assert [error.path for error in store.unreadable] == [store.path(BROKEN)]
    assert not recwarn.list


@pytest.mark.parametrize("format", ["pdfx", "docx"])
def test_a_wrong_picture_format_draws_nothing(folder: Path, tmp_path: Path, format: str) -> None:
    with pytest.raises(UsageError, match="No picture format"):
        bench.plot("comparison", results=folder, out=tmp_path / f"x.{format}")
    with pytest.raises(UsageError, match="No picture format"):
        bench.plot("comparison", results=folder, format=format)


def test_a_run_asks_for_columns_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No metric 'acuracy'"):
        bench.run("digits/pico/majority/quick/seed=0", results=tmp_path, metrics=["acuracy"], quiet=True)
    assert not any(tmp_path.iterdir())


def test_an_outcome_looks_at_the_split_that_was_opened(tmp_path: Path) -> None:
    done = bench.run(
        "quick", methods=["majority", "knn"], seeds=0, results=tmp_path, val_only=True, metrics="accuracy", quiet=True
    )
    assert (done.ran, done.up_to_date, done.failed) == (2, 0, {})
    assert done.table().columns == ("accuracy",)
    assert done.compare("knn", "majority").pair.different
    again = bench.run("quick", methods=["majority", "knn"], seeds=0, results=tmp_path, val_only=True, dry_run=True)
    assert again.preview is not None
    assert (again.ran, set(again.preview.cells.values())) == (0, {""})
