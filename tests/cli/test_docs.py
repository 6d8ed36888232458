"""The documents say what is so: their commands are those that are run, their code keeps the contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(path: str, language: str) -> list[str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    return [body for found, body in BLOCK.findall(text) if found == language]


def test_two_commands_set_everything_up() -> None:
    setup = [line for body in blocks("README.md", "sh") for line in body.splitlines()]
    assert len(setup) == 2
    run, test = setup
    assert run.endswith("bench run quick")
    assert test.endswith("tox")
    assert test in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("number", range(2))
def test_baselines_in_the_docs_keep_the_contract(plugin_folder: Path, number: int) -> None:
    code = blocks("docs/add_a_baseline.md", "python")[number]
    file = plugin_folder / f"documented_{number}.py"
    file.write_text(code)
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 0, result.output


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
