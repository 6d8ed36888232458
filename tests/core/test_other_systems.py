"""What Windows and Apple's GPUs lack is not asked of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import bench

ROOT = Path(bench.__file__).parent
_IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({hidden!r}))  # importing one of them raises ImportError
import bench
names = [one.name for one in pkgutil.walk_packages(bench.__path__, "bench.") if not one.name.startswith({skipped!r})]
for name in names:
    importlib.import_module(name)
from bench.core.memory import resident_memory
print(len(names), resident_memory() >= 0)
"""
HIDDEN = ("resource", "fcntl", "pwd", "grp", "termios")
OPTIONAL = ("bench.executors.ray",)  # of an extra


def test_every_module_is_imported_without_those_of_posix() -> None:
    code = _IMPORT_ALL.format(hidden=HIDDEN, skipped=OPTIONAL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    count, told = done.stdout.split()
    assert int(count) > 200
    assert told == "True"


def doubled_on_a_device(source: str) -> list[int]:
    """Lines that call ``double()`` or make a float64 tensor with a device, before a ``cpu()``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "double"
            and "cpu()" not in ast.unparse(node.func)
        ):
            found.append(node.lineno)
        given = {one.arg: ast.unparse(one.value) for one in node.keywords if one.arg}
        if given.get("dtype") == "torch.float64" and "device" in given:
            found.append(node.lineno)
    return found


def test_double_precision_is_for_the_host() -> None:
    """Apple's GPUs have none."""
    assert doubled_on_a_device("x.double()\ntorch.zeros(3, dtype=torch.float64, device=d)\nx.cpu().double()") == [1, 2]
    core = [file for file in ROOT.rglob("*.py") if not {"methods", "baselines"} & set(file.relative_to(ROOT).parts)]
    wrong = {str(file): lines for file in core if (lines := doubled_on_a_device(file.read_text(encoding="utf-8")))}
    assert wrong == {}
