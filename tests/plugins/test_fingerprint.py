"""Source fingerprints: what is computed counts, how it is written does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import UsageError
from bench.datasets.digits import Digits
from bench.datasets.digits_shift import DigitsShift
from bench.plugins.fingerprint import source_fingerprint

BASE = '''"""A plug-in."""
X = 1


class A:
    """What it is."""

    homepage = "here"
    k: int = 3

    def f(self, x):
        """Doc."""
        return x + 1  # why
'''


def fingerprint(folder: Path, text: str, name: str = "plugin.py") -> str:
    (folder / name).write_text(text)
    return source_fingerprint(folder / name, ignore=("homepage",))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # why", "  # another reason"),
        ('"""Doc."""', '"""Other words."""'),
        ('"""A plug-in."""\n', ""),
        ("x + 1", "(x   +   1)"),
        ('"here"', '"there"'),
        ("\n\n\nclass", "\n\nclass"),
    ],
)
def test_words_and_layout_do_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert fingerprint(tmp_path, BASE) == fingerprint(tmp_path, BASE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + 1", "x + 2"),
        ("X = 1", "X = True"),
        ("k: int = 3", "k: int = None"),
        ("x + 1", "x - 1"),
        ("def f", "def g"),
    ],
)
def test_code_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert fingerprint(tmp_path, BASE) != fingerprint(tmp_path, BASE.replace(old, new))


@pytest.mark.parametrize(
    "line", ["import helper", "from helper import f", "from .helper import f", "from . import helper"]
)
def test_imported_siblings_count(tmp_path: Path, line: str) -> None:
    (tmp_path / "helper.py").write_text("from deeper import g\n")
    (tmp_path / "deeper.py").write_text("g = 1\n")
    (tmp_path / "unrelated.py").write_text("h = 1\n")
    first = fingerprint(tmp_path, line)
    (tmp_path / "unrelated.py").write_text("h = 2\n")
    assert fingerprint(tmp_path, line) == first
    (tmp_path / "deeper.py").write_text("g = 22\n")
    assert fingerprint(tmp_path, line) != first


def test_circular_imports_end(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("import plugin\n")
    assert len(fingerprint(tmp_path, "import other\n")) == 64


def test_a_built_in_follows_the_one_it_is_derived_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.plugins import fingerprint as module

    files = module._closure(Path(module._file_of(DigitsShift)).resolve())
    assert {file.name for file in files} == {"digits_shift.py", "digits.py"}
    assert source_fingerprint(Digits) != source_fingerprint(DigitsShift)


def test_a_class_without_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match="has no source file"):
        source_fingerprint(type("Made", (), {"__module__": "nowhere"}))


def test_a_file_that_is_not_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"plugin\.py"):
        fingerprint(tmp_path, "def :")
