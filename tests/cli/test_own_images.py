"""docs/own_images.md: its commands, in order, print what it says, on photographs made as it says."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from photographs import REGIONS, photographs
from typer.testing import CliRunner

from bench.cli.app import app

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "own_images.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
NEW = 4  # new photographs of each class


def alike(text: str, folder: Path) -> str:
    """Text without what may differ between machines: digits, the folder, widths of columns and of lines."""
    masked = re.sub(r"\d+", "#", text.replace(str(folder), "..."))
    return re.sub(r"[\s━─]+", " ", masked).strip()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    photographs(tmp_path / "data" / "places", 40, 0)
    photographs(tmp_path / "new", NEW, 1, in_classes=False)
    monkeypatch.chdir(tmp_path)
    for name in ("BENCH_DATA", "BENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_every_command_prints_what_the_page_says(folder: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    ran = []
    for body in (body for language, body in blocks if language == "console"):
        command, _, expected = body.removeprefix("$ bench ").partition("\n")
        result = CliRunner().invoke(app, shlex.split(command))
        assert result.exit_code == 0, result.output
        assert alike(result.stdout, folder) == alike(expected, folder), command
        ran.append((command.split()[0], result.stdout))
    assert [name for name, _ in ran] == ["data", "run", "compare", "run", "predict", "errors"]
    predicted = [line.split(",")[1] for line in ran[4][1].splitlines()[1:]]
    truth = [name for name in REGIONS for _ in range(NEW)]
    assert sum(one == other for one, other in zip(predicted, truth, strict=True)) >= 18
    (code,) = [body for language, body in blocks if language == "python"]
    said = io.StringIO()
    with redirect_stdout(said):
        exec(compile(code, str(PAGE), "exec"), {})
    assert said.getvalue() == "['flower', 'water']\n"
