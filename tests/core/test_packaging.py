"""A wheel holds the plug-in files as real files, the embedded backbones and data, and the templates."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("bench", "datasets", "baselines", "suites")


def test_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist() if name.startswith("bench/")}
    shipped = [
        path
        for path in (ROOT / "bench").rglob("*")
        if path.suffix in (".py", ".safetensors", ".npz", ".txt", ".csv", ".html", ".css", ".js", ".typed")
    ]
    assert ROOT / "bench" / "py.typed" in shipped  # type checkers of who imports the package read its hints
    plugins = [path for part in PARTS[1:] for path in (ROOT / "bench" / part).glob("*.py")]
    expected = {path.relative_to(ROOT).as_posix(): path for path in [*shipped, *plugins]}
    assert set(held) == set(expected)
    assert all(held[name] == path.read_bytes() for name, path in expected.items())
