"""Source fingerprints: what is computed counts, how it is written does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import UsageError
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


def test_only_class_level_assignments_can_be_ignored(tmp_path: Path) -> None:
    text = BASE.replace("return x + 1", "homepage = 1; return x + homepage")
    assert fingerprint(tmp_path, text) != fingerprint(tmp_path, text.replace("homepage = 1", "homepage = 2"))


def test_a_class_without_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match="has no source file"):
        source_fingerprint(type("Made", (), {"__module__": "nowhere"}))


def test_a_file_that_is_not_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"plugin\.py"):
        fingerprint(tmp_path, "def :")
