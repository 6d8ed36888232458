"""``import bench`` leaves the environment alone; a run sets what makes torch faster, which changes no bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.core.speed import VARIABLES
from bench.records import Store

CELL = "digits[shots=5]/pico/cladapter/quick[epochs=1]/seed=0"
IMPORTS = "import bench, bench.cli.app, bench.records, bench.tables, bench.executors.remote"


def after(code: str, **variables: str) -> dict[str, str]:
    """The environment that a program leaves, started without those variables but for the ones given."""
    program = f"import os, json\n{code}\nprint(json.dumps(dict(os.environ)))"
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES} | variables
    done = subprocess.run([sys.executable, "-c", program], env=own, capture_output=True, text=True, check=True)
    left: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    gone = dict.fromkeys(own.keys() - left.keys(), "gone")
    return {name: value for name, value in left.items() if own.get(name) != value} | gone


def test_import_changes_no_variable() -> None:
    assert after(IMPORTS) == {}


def test_the_command_line_sets_them_unless_they_are_set() -> None:
    code = (
        "import sys\nfrom bench.cli.app import main\nsys.argv[1:] = ['--version']\ntry: main()\nexcept SystemExit: pass"
    )
    assert after(code) == VARIABLES
    (name, _), *rest = VARIABLES.items()
    assert after(code, **{name: "7"}) == dict(rest)


def test_they_are_left_alone_where_torch_would_not_notice() -> None:
    assert after("import torch\nfrom bench.core.speed import set_before_torch\nset_before_torch()") == {}


@pytest.mark.slow
def test_no_bit_depends_on_them(tmp_path: Path) -> None:
    """A run sets them, and its numbers are those of a run under other values."""
    for name, variables in {"set": {}, "other": dict.fromkeys(VARIABLES, "0")}.items():
        code = f"import bench\nbench.run({CELL!r}, results={str(tmp_path / name)!r}, device='cpu', quiet=True)"
        changed = after(code, OMP_NUM_THREADS="2", **variables)  # torch sets variables of its own
        assert {key: changed[key] for key in changed.keys() & VARIABLES} == ({} if variables else VARIABLES)
    one, other = (Store(tmp_path / name).pair(CELL)[0] for name in ("set", "other"))
    assert one.comparable() == other.comparable()
