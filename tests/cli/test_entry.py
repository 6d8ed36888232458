"""The command line's doors: the scripts `bench` and `adaptbench`, and `python -m bench`."""

from __future__ import annotations

import runpy
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.cli.app import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["bench", "adaptbench"])
def test_both_scripts_are_the_command_line(name: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert EntryPoint(name, scripts[name], "console_scripts").load() is main


def test_python_m_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "list", "recipes"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("bench", run_name="__main__")
    assert not ended.value.code
    assert "quick" in capsys.readouterr().out
