"""Looking around is instant: no command that only reads names imports a heavy library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

HEAVY = {"torch", "timm", "pandas", "mmengine", "sklearn", "jinja2", "vl_convert"}
SLOW = HEAVY | {"numpy", "scipy", "safetensors", "rich"}  # of which reading names needs none
PROGRAM = """
import sys
from bench.cli.app import app
try:
    app(sys.argv[1:], prog_name="bench")
finally:
    print("modules", sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def modules(*arguments: str) -> set[str]:
    """Top-level modules that a command has imported."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    return set(json.loads(last.removeprefix("modules ").replace("'", '"')))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["plot", "--help"],
        ["report", "--help"],
        ["submit", "--help"],
        ["list"],
        ["list", "--json"],
        ["show", "pacs"],
        ["show", "cladapter"],
        ["show", "quick"],
        ["show", "pico"],
        ["show", "timm2d"],
        ["show", "classification"],
        ["show", "paper", "--json"],
        ["verify", "cladapter:table4"],
    ],
    ids=" ".join,
)
def test_no_heavy_import(arguments: list[str]) -> None:
    assert not modules(*arguments) & (HEAVY if arguments[0] == "verify" else SLOW)


def test_the_test_can_fail() -> None:
    """The same measurement sees a heavy import where there is one."""
    assert modules("doctor") & HEAVY >= {"torch"}


@pytest.mark.parametrize(
    "module",
    [
        "records",
        "stats",
        "tables",
        "claims",
        "claims.binding",
        "claims.render",
        "plots.draw",
        "plots.export",
        "pages.build",
        "tasks.classification",
    ],
)
def test_what_reads_records_imports_no_torch(module: str) -> None:
    code = f"import sys, bench.{module}; sys.exit(bool({{'torch', 'timm'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
