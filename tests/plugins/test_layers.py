"""The house holds: arrows between rooms point down, no module imports in a circle, what reads records knows no torch,
and no room's door does work.

Read from syntax trees, with imports inside functions. Imports for type checkers and of plug-ins by name do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bench

HOUSE = Path(bench.__file__).resolve().parent
PLUGIN_FOLDERS = {"datasets", "baselines", "suites", "augmentations", "recipes"}
# From the ground up; a room may know the rooms before it.
ORDER = (
    "core", "cells", "plugins", "stats", "tasks", "records", "tables", "plots", "claims", "pages", "callbacks", "data",
    "backbones",
    "methods", "heads", "task plug-ins", "features", "training", "grid", "executors", "engine", "executor plug-ins",
    "conformance", "api", "cli",
)  # fmt: skip
READERS = ("records", "stats", "tables", "plots", "claims", "pages")
Arrow = tuple[str, str, str]  # from a room, to a room, where


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module by its path below the package; a contract lies below those who fulfil it."""
    if parts[0] == "executors" and parts[1:2] not in ((), ("base",), ("__init__",)):
        return "executor plug-ins"
    if parts[0] == "tasks" and parts[1:2] not in ((), ("base",), ("__init__",)):
        return "task plug-ins"
    return parts[0]


def runs(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a tree that is not for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from (other, *runs(other))
        else:
            yield from (child, *runs(child))


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of every import."""
    for node in runs(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (f"{node.module}." if node.module else "")
            yield from ((prefix + name.name, node.lineno) for name in node.names)


def files(house: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Files of all rooms, with their module path; plug-in folders are no rooms, nor is the notebook's door."""
    for file in sorted(house.rglob("*.py")):
        parts = file.relative_to(house).with_suffix("").parts
        if len(parts) > 1 and parts[0] not in PLUGIN_FOLDERS:
            yield file, parts


def arrows(house: Path) -> Iterator[Arrow]:
    """Every import of one room by another."""
    for file, parts in files(house):
        for name, line in imported(ast.parse(file.read_text())):
            top, *rest = name.split(".")
            assert top, f"{file}:{line}: write absolute imports"
            if top == bench.__name__ and rest and rest[0] not in PLUGIN_FOLDERS:
                other = room_of(tuple(rest))
                if other != room_of(parts):
                    yield room_of(parts), other, f"{'/'.join(parts)}.py:{line}"


def upward(found: list[Arrow]) -> list[str]:
    """The arrows that do not point down."""
    return [f"{where}: {room} imports {other}" for room, other, where in found if not below(other, room)]


def below(other: str, room: str) -> bool:
    return other in ORDER and room in ORDER and ORDER.index(other) < ORDER.index(room)


def circle(house: Path) -> list[str]:
    """Modules, plug-in folders' included, that import each other in turn, early or late; empty where none do."""
    modules = {
        ".".join((bench.__name__, *file.relative_to(house).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in house.rglob("*.py")
    }
    graph = TopologicalSorter[str]()
    for name, file in modules.items():
        wanted = [wanted for wanted, _ in imported(ast.parse(file.read_text()))]
        found = {one if one in modules else one.rpartition(".")[0] for one in wanted}
        graph.add(name, *sorted(found - {name}))
    try:
        graph.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def heavy(house: Path) -> list[str]:
    """Imports of torch or timm, wherever in a file, by rooms that read records."""
    return [
        f"{'/'.join(parts)}.py:{line}: {name}"
        for file, parts in files(house)
        if parts[0] in READERS
        for name, line in imported(ast.parse(file.read_text()))
        if name.partition(".")[0] in ("torch", "timm")
    ]


def working_doors(house: Path) -> list[str]:
    """What stands in the ``__init__`` of a room beside its docstring, imports and ``__all__``."""
    return [
        f"{'/'.join(parts)}.py:{node.lineno}: {ast.unparse(node).splitlines()[0]}"
        for file, parts in files(house)
        if parts[-1] == "__init__"
        for node in ast.parse(file.read_text()).body
        if not (
            isinstance(node, (ast.Import, ast.ImportFrom))
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        )
    ]


def test_arrows_point_down() -> None:
    """An order of all rooms in which every arrow points down is also the proof that there is no cycle."""
    assert upward(list(arrows(HOUSE))) == []


def test_no_modules_import_each_other() -> None:
    assert circle(HOUSE) == []


def test_what_reads_records_knows_neither_torch_nor_timm() -> None:
    assert heavy(HOUSE) == []


def test_no_door_does_work() -> None:
    assert working_doors(HOUSE) == []


def test_every_room_has_its_place() -> None:
    rooms = {room_of(parts) for _, parts in files(HOUSE)}
    assert rooms <= set(ORDER)


@pytest.fixture
def wrong_house(tmp_path: Path) -> Path:
    """A house with one mistake of each kind."""
    for name, text in {
        "core/errors.py": "def late():\n    from bench.cli import app\n",
        "tables/rows.py": "if TYPE_CHECKING:\n    import bench.engine\n\nimport timm.models\n",
        "stats/__init__.py": '"""Doc."""\nfrom bench.core import errors\n\n__all__ = ["errors"]\nCACHE = {}\n',
        "executors/base.py": "import bench.engine.run\n",
        "executors/ray.py": "import bench.engine.run\nfrom bench.baselines import knn\n",
        "garage/car.py": "import bench.core\n",
        "grid/cells.py": "from bench.grid import suite\n",
        "grid/suite.py": "def late():\n    from bench.grid.cells import name\n",
        "grid/typed.py": "if TYPE_CHECKING:\n    from bench.grid.user import x\n",
        "grid/user.py": "from bench.grid.typed import x\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_each_rule_can_fail(wrong_house: Path) -> None:
    assert upward(list(arrows(wrong_house))) == [
        "core/errors.py:2: core imports cli",
        "executors/base.py:1: executors imports engine",
        "garage/car.py:1: garage imports core",
    ]
    assert set(circle(wrong_house)) == {"bench.grid.cells", "bench.grid.suite"}
    assert heavy(wrong_house) == ["tables/rows.py:4: timm.models"]
    assert working_doors(wrong_house) == ["stats/__init__.py:5: CACHE = {}"]
