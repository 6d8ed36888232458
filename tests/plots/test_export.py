"""Charts become files in every format, without a network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_results import fill, grid
from typer.testing import CliRunner

from bench.cli.app import app
from bench.core.errors import UsageError
from bench.plots.comparison import comparison
from bench.plots.export import library, save
from bench.plots.style import COLUMN
from bench.tables import aggregate

BEGINS = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF", "html": b"<!doctype html>", "json": b"{"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    fill(folder, grid(methods=["majority", "knn", "lora", "cladapter"], seeds=3))
    return folder


@pytest.mark.parametrize("format", BEGINS)
def test_the_command_writes_every_format(results: Path, tmp_path: Path, format: str) -> None:
    file = tmp_path / f"figure.{format}"
    ran = CliRunner().invoke(app, ["plot", "comparison", "digits", "--results", str(results), "--out", str(file)])
    assert ran.exit_code == 0, ran.output
    assert "has the best mean accuracy" in ran.stdout
    assert file.read_bytes().startswith(BEGINS[format])


def test_a_picture_is_as_wide_as_a_column(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "figure.svg"
    CliRunner().invoke(app, ["plot", "pareto", "--results", str(results), "--out", str(file)])
    width = re.search(r'width="(\d+)"', file.read_text())
    assert width is not None
    assert COLUMN - 20 <= int(width[1]) <= COLUMN + 20


def test_an_unknown_format_is_named(results: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["plot", "comparison", "--results", str(results), "--out", str(tmp_path / "a.gif")])
    assert ran.exit_code == 2
    assert "No picture format 'gif'" in ran.stderr
    with pytest.raises(UsageError, match="gif"):
        save({}, tmp_path / "a.gif")


def test_the_library_defines_one_name() -> None:
    assert library().startswith("(function () {")
    assert "</script" not in library()  # it stands in pages


def test_a_page_cannot_be_left_by_a_name(tmp_path: Path) -> None:
    records = fill(tmp_path, grid(methods=["vpt"], seeds=1))
    evil = records[0].model_copy(update={"protocol": "</script><script>alert(1)</script>"})
    file = comparison(aggregate([evil])).save(tmp_path / "evil.html")
    text = file.read_text()
    assert "<script>alert" not in text
    (spec,) = re.findall(r'vegaEmbed\("#chart", (.*), \{actions: false\}\);', text)
    assert "</script><script>alert(1)" in json.dumps(json.loads(spec))
