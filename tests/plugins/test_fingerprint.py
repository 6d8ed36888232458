"""Source fingerprints: what is computed counts, how it is written does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import UsageError
from bench.plugins import registry
from bench.plugins.fingerprint import code_identity, source_fingerprint, version_of

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


def test_a_built_in_plug_in_counts_by_its_version_and_a_users_by_its_source(tmp_path: Path) -> None:
    built_in = registry.find("baselines", "lora").path
    assert code_identity(built_in) == code_identity(registry.load("baselines", "lora")) == "1"
    own = tmp_path / "mine.py"
    own.write_text("from bench.baselines.lora import LoRA\n\n\nclass Mine(LoRA):\n    rank: int = 2\n")
    before = code_identity(own)
    assert len(before) == 64
    own.write_text(own.read_text().replace("2", "4"))
    assert code_identity(own) != before


def test_a_users_plug_in_follows_the_version_of_the_built_in_one_that_it_imports(tmp_path: Path) -> None:
    """The built-in file is one of a package beside it here, since the real one must not be written to."""
    line = ("class Parent:\n    version = {}\n", "class Child(Parent):\n    pass\n")
    for version in (1, 3):
        (tmp_path / "one.py").write_text(line[0].format(version) + "\n\n" + line[1])
        assert version_of(tmp_path / "one.py") == version


def test_a_version_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("class One:\n    version = 1 + 1\n")
    with pytest.raises(UsageError, match=r"one.py:2"):
        version_of(tmp_path / "one.py")
