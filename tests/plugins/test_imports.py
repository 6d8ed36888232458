"""A fingerprint covers everything that a plug-in imports and somebody may edit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.datasets.digits import Digits
from bench.datasets.digits_shift import DigitsShift
from bench.plugins import registry
from bench.plugins.fingerprint import source_files, source_fingerprint
from bench.plugins.registry import find

ROOT = Path(bench.__file__).parent
PLUGIN = '''from bench.methods import Method
{line}


class Mine(Method):
    """Mine."""
'''


@pytest.fixture(autouse=True)
def _no_folders_afterwards() -> Iterator[None]:
    yield
    registry.use_folders([])


@pytest.fixture(autouse=True)
def _nothing_of_other_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Plug-ins loaded by tests before leave their folders on `sys.path`, and plain names may lead there."""
    made = tmp_path_factory.getbasetemp().parent.parent
    path, modules = list(sys.path), dict(sys.modules)
    sys.path[:] = [place for place in path if made not in Path(place).resolve().parents]
    for name, module in modules.items():
        plain = "." not in name and not name.startswith("_")
        if plain and made in Path(getattr(module, "__file__", None) or "/").resolve().parents:
            del sys.modules[name]
    yield
    sys.path[:] = path
    sys.modules.update(modules)


@pytest.fixture
def search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ``src`` on `sys.path`, as an editable install makes it."""
    folder = tmp_path / "src"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def write(path: Path, text: str = "VALUE = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def follows(plugin: Path, other: Path) -> bool:
    """Whether an edit of one file changes the fingerprint of another, as `source_files` says, too."""
    before = source_fingerprint(plugin)
    listed = other.resolve() in source_files(plugin)
    other.write_text(other.read_text() + "\nADDED = 1\n")
    changed = source_fingerprint(plugin) != before
    assert changed == listed
    return changed


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("import helper", "helper.py"),
        ("from helper import f", "helper.py"),
        ("from .helper import f", "helper.py"),
        ("from . import helper", "helper.py"),
        ("import nets.layers as l", "nets/layers.py"),
        ("from nets import layers", "nets/layers.py"),
        ("from .nets.layers import B", "nets/layers.py"),
        ("from .nets import layers", "nets/layers.py"),
        ("from nets.layers import B", "nets/__init__.py"),
        ("from .nets.layers import B", "nets/__init__.py"),
        ("def late():\n    from .nets.layers import B", "nets/layers.py"),
    ],
)
def test_files_below_the_folder(tmp_path: Path, line: str, file: str) -> None:
    other = write(tmp_path / file)
    write(other.parent / "__init__.py") if "/" in file else None
    unrelated = write(tmp_path / "unrelated.py")
    plugin = write(tmp_path / "plugin.py", PLUGIN.format(line=line))
    assert follows(plugin, other)
    assert not follows(plugin, unrelated)


@pytest.mark.parametrize("line", ["from .b import x", "from ..other import x", "from .. import other", "import other"])
def test_what_is_imported_counts_with_what_it_imports(tmp_path: Path, line: str) -> None:
    plugin = write(tmp_path / "plugin.py", "from .nets.a import x\n")
    write(tmp_path / "nets" / "a.py", line)
    deep = write(tmp_path / ("nets/b.py" if line.endswith(".b import x") else "other.py"))
    assert follows(plugin, deep)


@pytest.mark.parametrize(
    "line",
    [
        "from mypkg.layers import X",
        "from mypkg import layers",
        "import mypkg.layers",
        "import mypkg.layers as other_name",
        "if 0:\n    import mypkg.layers",
    ],
)
@pytest.mark.parametrize("file", ["layers.py", "layers/__init__.py", "__init__.py"])
def test_a_package_on_the_search_path(tmp_path: Path, search_path: Path, line: str, file: str) -> None:
    write(search_path / "mypkg" / "__init__.py")
    write(search_path / "mypkg" / "layers.py") if file == "__init__.py" else None
    write(search_path / "mypkg" / "never_used.py")
    plugin = write(tmp_path / "plugins" / "plugin.py", PLUGIN.format(line=line))
    assert follows(plugin, write(search_path / "mypkg" / file))
    assert not follows(plugin, search_path / "mypkg" / "never_used.py")
    assert "mypkg" not in sys.modules  # looking does not import


def test_a_package_without_an_init(tmp_path: Path, search_path: Path) -> None:
    plugin = write(tmp_path / "plugins" / "plugin.py", PLUGIN.format(line="from space.inner.layers import X"))
    assert follows(plugin, write(search_path / "space" / "inner" / "layers.py"))


def test_compiled_code_counts_by_its_bytes(tmp_path: Path, search_path: Path) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    write(search_path / "mypkg" / "__init__.py")
    compiled = search_path / "mypkg" / f"fast{EXTENSION_SUFFIXES[0]}"
    compiled.write_bytes(b"\x7fELF\xff")
    plugin = write(tmp_path / "plugins" / "plugin.py", PLUGIN.format(line="from mypkg.fast import f"))
    before = source_fingerprint(plugin)
    compiled.write_bytes(b"\x7fELF\xfe...")
    assert source_fingerprint(plugin) != before


def test_libraries_do_not_count(tmp_path: Path) -> None:
    plugin = write(
        tmp_path / "plugin.py", "import json.decoder\nimport os, sys\nfrom torch.nn import Linear\nimport timm\n"
    )
    assert source_files(plugin) == {plugin}


def test_an_installed_plugin_package_counts_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(str(place))
    write(place / "theirs" / "__init__.py")
    write(place / "library" / "__init__.py")
    plugin = write(
        place / "theirs" / "plugs" / "p.py", "from theirs.layers import X\nfrom ..deep import Y\nimport library\n"
    )
    assert follows(plugin, write(place / "theirs" / "layers.py"))
    assert follows(plugin, write(place / "theirs" / "deep.py"))
    assert not follows(plugin, place / "library" / "__init__.py")
    elsewhere = write(tmp_path / "plugins" / "q.py", "from theirs.layers import X\n")
    assert source_files(elsewhere) == {elsewhere}
    assert place / "theirs" / "layers.py" in source_files(plugin)  # in whatever order they are asked for


def test_cycles_end(tmp_path: Path) -> None:
    plugin = write(tmp_path / "plugin.py", "from .nets import a\n")
    write(tmp_path / "nets" / "__init__.py", "from . import a\n")
    write(tmp_path / "nets" / "a.py", "from .. import plugin\nimport plugin\nfrom . import a\n")
    assert {file.name for file in source_files(plugin)} == {"plugin.py", "__init__.py", "a.py"}


def test_dots_beyond_the_top_reach_nothing(tmp_path: Path) -> None:
    plugin = write(tmp_path / "plugin.py", f"from {'.' * 60}x import y\nfrom {'.' * 60} import z\n")
    assert source_files(plugin) == {plugin}


def test_where_the_files_lie_does_not_count(tmp_path: Path) -> None:
    def laid(folder: Path) -> str:
        write(folder / "a" / "__init__.py", "x = 1\n")
        write(folder / "b" / "__init__.py", "x = 2\n")
        return source_fingerprint(write(folder / "plugin.py", "from . import a, b\n"))

    assert laid(tmp_path / "one") == laid(tmp_path / "two")


def test_the_core_is_not_followed_but_its_plugins_are(tmp_path: Path) -> None:
    lines = (
        "from bench.training.loop import train_epoch\nfrom bench.baselines import knn\nimport bench.datasets.digits\n"
    )
    plugin = write(tmp_path / "plugin.py", lines)
    knn, digits = ROOT / "baselines" / "knn.py", ROOT / "datasets" / "digits.py"
    assert source_files(plugin) == {plugin, knn, digits}
    assert source_files(find("backbones", "timm2d").path) == {ROOT / "backbones" / "timm2d.py"}
    assert source_files(find("executors", "inline").path) == {ROOT / "executors" / "inline.py"}


def test_a_built_in_follows_the_one_it_is_derived_from() -> None:
    assert {file.name for file in source_files(DigitsShift)} == {"digits_shift.py", "digits.py"}
    assert source_fingerprint(Digits) != source_fingerprint(DigitsShift)


def test_the_file_and_its_class_agree(tmp_path: Path, search_path: Path, plugin_folder: Path) -> None:
    """Tables ask for a file's fingerprint, runs for that of the class that they imported."""
    write(search_path / "agreeing" / "__init__.py")
    write(search_path / "agreeing" / "layers.py")
    lines = "from agreeing.layers import VALUE\nimport agreed_helper\nfrom .nets.b import VALUE as v"
    write(plugin_folder / "agreed_helper.py")
    write(plugin_folder / "nets" / "b.py")
    path = write(plugin_folder / "agreeing_method.py", PLUGIN.format(line=lines))
    registry.use_folders([plugin_folder])
    before = source_fingerprint(path)
    assert len(source_files(path)) == 5
    assert source_fingerprint(registry.load("baselines", "agreeing_method")) == before == source_fingerprint(path)


def test_refreshing_imports_everything_anew_that_an_edit_reaches(search_path: Path, plugin_folder: Path) -> None:
    write(search_path / "refreshed" / "__init__.py", "")
    layers = write(search_path / "refreshed" / "layers.py", "VALUE = 1\n")
    line = "from refreshed.layers import VALUE\n"
    write(
        plugin_folder / "refreshed_method.py",
        PLUGIN.format(line=line) + "\n    value = VALUE\n".replace("value", "stage_only"),
    )
    registry.use_folders([plugin_folder])
    first = registry.load("baselines", "refreshed_method")
    registry.refresh()
    assert registry.load("baselines", "refreshed_method") is first
    layers.write_text("VALUE = 22\n")
    registry.refresh()
    assert registry.load("baselines", "refreshed_method").stage_only == 22


def test_a_package_joined_by_entry_point(tmp_path: Path) -> None:
    """Its files are imported by their real names, so that dots may lead out of the plug-in folder; a fresh interpreter,
    because installed distributions are looked up once."""
    lab = tmp_path / "src" / "lab"
    write(lab / "__init__.py", "STARTED = True\n")
    layers = write(lab / "layers.py")
    write(lab / "plugs" / "baselines" / "theirs.py", PLUGIN.format(line="from ...layers import VALUE"))
    info = tmp_path / "src" / "lab-1.0.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    write(info / "entry_points.txt", "[bench.plugins]\nlab = lab.plugs\n")
    code = f"""
import sys; sys.path[:0] = {[str(tmp_path / "src"), str(ROOT.parent)]!r}
from pathlib import Path
from bench.plugins import registry
from bench.plugins.fingerprint import source_files, source_fingerprint
path = registry.find("baselines", "theirs").path
before = source_fingerprint(path)
cls = registry.load("baselines", "theirs")
assert cls.__module__ == "lab.plugs.baselines.theirs" and cls.plugin_name() == "theirs"
assert source_fingerprint(cls) == before
assert {{"layers.py", "__init__.py", "theirs.py"}} == {{file.name for file in source_files(cls)}}
Path({str(layers)!r}).write_text("VALUE = 2")
assert source_fingerprint(cls) != before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_base_class_in_another_package(search_path: Path, plugin_folder: Path, tmp_path: Path) -> None:
    """The kind of a plug-in is read off its ancestors, wherever they stand."""
    write(search_path / "bases" / "__init__.py", "")
    write(search_path / "bases" / "own.py", PLUGIN.format(line="").replace("Mine", "Base") + "\n    width: int = 3\n")
    write(plugin_folder / "derived.py", 'from bases.own import Base\n\n\nclass Derived(Base):\n    """Derived."""\n')
    registry.use_folders([plugin_folder])
    assert [field.name for field in registry.catalog("baselines")["derived"].fields] == ["width"]
