"""The command line's doors: the scripts `bench` and `adaptbench`, `python -m bench`, and a shell's completion."""

from __future__ import annotations

import os
import runpy
import subprocess
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


def test_a_shell_completes_commands() -> None:
    """What bash asks of the program, by the script that the program gives it."""
    bench = [sys.executable, "-m", "bench"]
    # else typer asks the process tree which shell called, and tests need not be called from one
    told = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run([*bench, "--show-completion", "bash"], capture_output=True, text=True, env=told)
    assert script.returncode == 0, script.stderr
    assert "_BENCH_COMPLETE=complete_bash" in script.stdout
    asked = {**os.environ, "_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "bench ta", "COMP_CWORD": "1"}
    done = subprocess.run(bench, env=asked, capture_output=True, text=True)
    assert done.stdout.split() == ["table"], done.stderr
