"""What a wheel and an editable install hold: every file of the package, and plug-ins that a scan finds and imports."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from bench.plugins.folders import ALONE
from bench.plugins.registry import KINDS, catalog

ROOT = Path(__file__).parents[2]
SHIPPED = (".py", ".toml", ".safetensors", ".npz", ".txt", ".csv", ".html", ".css", ".js", ".typed")
FOUND = """
import site, sys
site.addsitedir({place!r})  # reads .pth files, which `python -S` did not
sys.path.append({libraries!r})
import bench
from pathlib import Path
from bench.plugins.registry import KINDS, catalog, load
for kind in KINDS:
    print(kind, *catalog(kind))
assert load("baselines", "knn").__module__ == "bench.baselines.knn"
print("package", Path(bench.__file__).parent)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The files of the repository that a build reads."""
    place = tmp_path / "source"
    shutil.copytree(ROOT / "bench", place / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, place)
    return place


def built(source: Path, hook: str) -> Path:
    """The wheel that a hook of the build backend makes, unpacked as an installer does."""
    code = f"from setuptools import build_meta; build_meta.{hook}({str(source.parent)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(source.parent.glob("*.whl"))) as wheel:
        wheel.extractall(source.parent / "site")
    return source.parent / "site"


def files(root: Path) -> dict[str, bytes]:
    """Every file of the package below ``root`` that is not compiled, with its bytes."""
    found = (file for file in (root / "bench").rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in found}


def seen_from(site: Path) -> dict[str, list[str]]:
    """What a scan finds where only this folder, and the libraries, can be imported: kind -> names of plug-ins."""
    code = FOUND.format(place=str(site), libraries=sysconfig.get_path("purelib"))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=site, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {kind: names for kind, *names in map(str.split, done.stdout.splitlines())}


def test_the_wheel_holds_every_file_and_its_plugins_are_found(source: Path) -> None:
    site = built(source, "build_wheel")
    expected = {name: text for name, text in files(ROOT).items() if name.endswith(SHIPPED)}
    assert files(site) == expected
    for folder, pattern in {
        "baselines": "knn.py", "datasets": "digits.py", "suites": "quick.py", "claims/published": "*.csv",
        "cli/templates": "*.txt", "pages/templates": "*.html", "assets": "*.safetensors", ".": "py.typed",
    }.items():  # fmt: skip
        assert list((site / "bench" / folder).glob(pattern)), folder
    seen = seen_from(site)
    assert seen.pop("package") == [str(site / "bench")]
    assert seen == {kind: list(catalog(kind)) for kind in KINDS}


def test_an_editable_install_finds_the_plugins_where_they_are_edited(source: Path) -> None:
    site = built(source, "build_editable")
    assert not (site / "bench").exists()
    (source / "bench" / "baselines" / "mine.py").write_text((source / "bench" / "baselines" / "knn.py").read_text())
    seen = seen_from(site)
    assert seen.pop("package") == [str(source / "bench")]
    assert seen == {kind: sorted([*catalog(kind), *["mine"] * (kind == "baselines")]) for kind in KINDS}


@pytest.mark.slow
def test_lint_and_types_look_into_the_plugin_folders(tmp_path: Path) -> None:
    """A wrong type and a name that is not defined, in a file of each."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ALONE:
        (tmp_path / "bench" / folder).mkdir(parents=True)
        (tmp_path / "bench" / folder / "wrong.py").write_text('"""Doc."""\n\nSIDE: int = "long"\nAREA = SIDE * other\n')
    types, lint = (said(command, tmp_path) for command in ("mypy bench", "ruff check --output-format concise ."))
    for folder in ALONE:
        assert f"bench/{folder}/wrong.py:3: error" in types
        assert f"bench/{folder}/wrong.py:4:15: F821" in lint


def said(command: str, folder: Path) -> str:
    """What a tool prints in a folder."""
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=folder, capture_output=True, text=True)
    return done.stdout


def test_the_package_holds_no_links() -> None:
    """Windows checks links out as text files."""
    assert [file for file in (ROOT / "bench").rglob("*") if file.is_symlink()] == []
