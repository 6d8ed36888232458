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


DOUBLE = ("torch.float64", "torch.double")


def doubled_on_a_device(source: str) -> list[int]:
    """Lines that turn a tensor into float64 before a ``cpu()``, or make one on a device."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [call.lineno for call in calls if _doubles(call)]


def _doubles(call: ast.Call) -> bool:
    name, of = ast.unparse(call.func).rpartition(".")[::2][::-1]
    given = {one.arg: ast.unparse(one.value) for one in call.keywords}
    asked = {ast.unparse(one) for one in call.args} | set(given.values())
    if name in ("double", "to", "type", "type_as"):
        return (name == "double" or not asked.isdisjoint(DOUBLE)) and "cpu()" not in of
    return "device" in given and not asked.isdisjoint(DOUBLE)


def test_double_precision_is_for_the_host() -> None:
    """Apple's GPUs have none."""
    lines = ("x.double()", "torch.zeros(3, dtype=torch.float64, device=d)", "x.to(d, torch.double)", "x.cpu().double()")
    assert doubled_on_a_device("\n".join(lines)) == [1, 2, 3]
    found = {str(file): doubled_on_a_device(file.read_text(encoding="utf-8")) for file in ROOT.rglob("*.py")}
    wrong = {file: lines for file, lines in found.items() if lines}
    assert wrong == {}
