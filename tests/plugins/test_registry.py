"""Plug-ins: found as syntax trees, loaded from anybody's folder, wrong ones named with file and line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cells.cell import Cell
from bench.core.errors import UsageError
from bench.grid.resolve import resolve
from bench.plugins import registry
from bench.plugins.scan import KINDS, read

PROBE = '''"""Module line."""
from bench.methods import {base}
from pydantic import Field


class {name}({base}):
    """Class line.

    More.
    """

    k: int = Field(3, ge=1, description="how many")
    word: str = "a"
'''


@pytest.fixture(autouse=True)
def _no_folders_afterwards() -> Iterator[None]:
    yield
    registry.use_folders([])


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def method(name: str = "Mine", base: str = "Method") -> str:
    return PROBE.format(name=name, base=base)


@pytest.mark.parametrize("kind", KINDS)
def test_built_in_files_are_all_usable_and_documented(kind: registry.Kind) -> None:
    entries = registry.catalog(kind)
    assert entries
    for entry in entries.values():
        assert entry.problem is None
        assert entry.doc, f"{entry.path} has no docstring"


@pytest.mark.parametrize("kind", ["datasets", "baselines"])
def test_what_the_syntax_tree_says_is_what_the_class_says(kind: registry.Kind) -> None:
    for name, entry in registry.catalog(kind).items():
        cls = registry.load(kind, name)
        assert cls.plugin_name() == name
        assert cls.__name__ == entry.class_name
        assert {field.name for field in entry.fields} == set(cls.model_fields)
        stated = {field.name: field.description for field in entry.fields}
        assert stated == {key: field.description or "" for key, field in cls.model_fields.items()}


def test_a_folder_may_hold_files_directly_or_by_kind(plugin_folder: Path) -> None:
    write(plugin_folder, "direct", method())
    write(plugin_folder / "baselines", "sorted_away", method(base="FeatureMethod"))
    write(plugin_folder, "helper", "VALUE = 1\n")
    write(plugin_folder, "my_suite", '"""Mine."""\nmethods = ["direct"]\n')
    write(plugin_folder / "suites", "base_only", '"""Based."""\n_base_ = "../my_suite.py"\n')
    registry.use_folders([plugin_folder])
    assert {"direct", "sorted_away"} <= set(registry.catalog("baselines"))
    assert {"my_suite", "base_only"} <= set(registry.catalog("suites"))
    assert not {"helper", "my_suite", "direct"} & {*registry.catalog("datasets"), "x"}
    assert "helper" not in registry.catalog("suites")
    assert registry.catalog("baselines")["direct"].fields[0].default == "3"
    assert registry.load("baselines", "direct").plugin_name() == "direct"


def test_kind_follows_imports(plugin_folder: Path) -> None:
    write(plugin_folder, "child", "from bench.baselines.knn import KNN\n\n\nclass Child(KNN):\n    '''A child.'''\n")
    write(plugin_folder, "dotted", "import bench.methods as m\n\n\nclass Dotted(m.Method):\n    '''By a module.'''\n")
    write(
        plugin_folder, "grandchild", "from .child import Child\n\n\nclass Grandchild(Child):\n    '''Two files up.'''\n"
    )
    write(plugin_folder, "absolute", "from child import Child\n\n\nclass Absolute(Child):\n    '''Plain import.'''\n")
    registry.use_folders([plugin_folder])
    for name in ("child", "dotted", "grandchild", "absolute"):
        assert registry.load("baselines", name).__name__.lower() == name
    assert [f.name for f in registry.catalog("baselines")["grandchild"].fields] == ["k"]


def test_other_classes_in_the_file_do_not_count(plugin_folder: Path) -> None:
    write(plugin_folder, "two", method("One") + "\n\nclass _Helper(Method):\n    pass\n\n\nclass Data:\n    pass\n")
    registry.use_folders([plugin_folder])
    assert registry.load("baselines", "two").__name__ == "One"


def test_the_environment_names_folders(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(plugin_folder, "from_environment", method())
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin_folder))
    assert registry.load("baselines", "from_environment").plugin_name() == "from_environment"


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(UsageError, match="'knn'"):
        registry.load("baselines", "kn")
    with pytest.raises(UsageError, match=r"No data set 'digit'.*'digits'"):
        registry.load("datasets", "digit")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from bench.methods import Method\n\nclass Broken(Method:\n", r"bad\.py:3: SyntaxError"),
        (method() + "\nimport nowhere_to_be_found\n", r"bad\.py:15: ModuleNotFoundError.*nowhere_to_be_found"),
        (method() + "\n1 / 0\n", r"bad\.py:15: ZeroDivisionError"),
        ("X = 1\n", "exactly one public subclass of Method or FeatureMethod, found none"),
        (method("One") + "\n\nclass Two(Method):\n    pass\n", "found One, Two"),
    ],
)
def test_a_bad_file_is_named_with_its_line(plugin_folder: Path, text: str, told: str) -> None:
    write(plugin_folder / "baselines", "bad", text)
    registry.use_folders([plugin_folder])
    with pytest.raises(UsageError, match=told):
        registry.load("baselines", "bad")
    registry.load("baselines", "knn")  # the others are not affected


def test_what_is_no_python_spoils_no_list(plugin_folder: Path) -> None:
    folder = plugin_folder / "baselines"
    write(folder, "nul", "x = 1\0\n")
    write(folder, "deep", "x = " + "-" * 200_000 + "1\n")
    (folder / "latin.py").write_bytes(b"x = '\xe9'\n")
    (folder / "folder.py").mkdir()
    os.mkfifo(folder / "pipe.py")
    registry.use_folders([plugin_folder])
    entries = registry.catalog("baselines")
    for name in ("nul", "deep", "latin"):
        assert f"{name}.py" in str(entries[name].problem)
        with pytest.raises(UsageError, match=rf"{name}\.py"):
            registry.load("baselines", name)
    assert not {"folder", "pipe"} & set(entries)
    registry.load("baselines", "knn")


def test_one_name_one_file(plugin_folder: Path) -> None:
    write(plugin_folder, "knn", method())
    registry.use_folders([plugin_folder])
    with pytest.raises(UsageError, match="Two baselines are called 'knn'"):
        registry.catalog("baselines")


def test_missing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--plugins"):
        registry.use_folders([tmp_path / "gone"])
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="BENCH_PLUGINS"):
        registry.catalog("baselines")


def test_a_file_outside_any_folder(tmp_path: Path) -> None:
    cls = registry.load_file(write(tmp_path, "loose", method("Loose")))
    assert (cls.__name__, cls.plugin_name()) == ("Loose", "loose")
    with pytest.raises(UsageError, match="no file"):
        registry.load_file(tmp_path / "gone.py")
    with pytest.raises(UsageError, match="no public subclass"):
        registry.load_file(write(tmp_path, "nothing", "X = 1\n"))


def test_packages_join_by_entry_point(tmp_path: Path) -> None:
    """A fresh interpreter, because installed distributions are looked up once."""
    write(tmp_path / "other_lab", "__init__", "raise RuntimeError('listing must not import')\n")
    write(tmp_path / "other_lab", "theirs", method("Theirs"))
    info = tmp_path / "other_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.plugins]\nlab = other_lab\n")
    code = "from bench.plugins import registry; print(registry.catalog('baselines')['theirs'].doc)"
    env_path = [str(tmp_path), str(Path(registry.__file__).parents[2])]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {env_path!r}; {code}"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "Class line.", done.stderr


def test_resolving_drops_defaults_and_keeps_the_rest() -> None:
    cell = Cell.parse("digits[protocol=limited,shots=5]/pico[size=64]/knn[k=5]/quick[lr=0.5]/seed=1")
    resolved = resolve(cell)
    assert str(resolved.cell) == "digits[shots=5]/pico/knn/quick[lr=0.5]/seed=1"  # 64 px are pico's own
    assert "pico[size=32]" in str(resolve(Cell.parse(str(cell).replace("64", "32"))).cell)
    assert (resolved.dataset.shots, resolved.recipe.lr, resolved.backbone.size) == (5, 0.5, 64)
    assert resolve(resolved.cell).cell == resolved.cell


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("digit/pico/knn/quick/seed=0", "No data set 'digit'"),
        ("digits/pico/kn/quick/seed=0", "No method 'kn'"),
        ("digits/pico/knn/quik/seed=0", "No recipe 'quik'"),
        ("digits/pico[sise=3]/knn/quick/seed=0", "pico has no parameter 'sise'"),
        ("digits/pico/knn[k=0]/quick/seed=0", r"knn\[k\]"),
        ("digits/pico/knn[k=many]/quick/seed=0", r"knn\[k\].*'many'"),
        ("digits/pico/knn/quick[lr=-1]/seed=0", r"quick\[lr\]"),
        ("digits[protocol=papr]/pico/knn/quick/seed=0", "no protocol 'papr'"),
        ("digits[shots=2,fraction=0.5]/pico/knn/quick/seed=0", "not both"),
    ],
)
def test_wrong_cells_are_refused(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        resolve(Cell.parse(name))


def test_reading_is_repeated_when_a_file_changes(tmp_path: Path) -> None:
    path = write(tmp_path, "changing", method())
    first = read(path, "baselines")
    path.write_text(method().replace("Class line.", "Another line."))
    os.utime(path, ns=(1, 1))
    second = read(path, "baselines")
    assert first is not None
    assert second is not None
    assert (first.doc, second.doc) == ("Class line.", "Another line.")
