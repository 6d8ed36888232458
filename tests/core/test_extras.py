"""What an installation without extras can do, and what it says of the rest: at once, with the extra and the command."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hidden import EXTRAS, hidden, modules_of, of_all_extras

from bench.core import extras
from bench.core.errors import BenchError, UsageError
from bench.engine.counting import count
from bench.engine.plan import Planner
from bench.engine.run import Done
from bench.engine.settings import Settings
from bench.grid.suite import Suite, load_suite
from bench.records import Store

ROOT = Path(__file__).parents[2]
SUITES = sorted(file.stem for file in (ROOT / "bench" / "suites").glob("*.py"))
CODE = list((ROOT / "bench").rglob("*.py"))


def needs(suite: Suite) -> set[str]:
    """Extras that the tasks, heads, clips and backbones of a suite are known to need."""
    found = set()
    for one in suite.cells:
        if one.dataset.task in ("detection", "instances") or one.recipe.head == "segformer":
            found.add("dense")
        if hasattr(one.dataset, "stride"):
            found.add("video")
        if one.backbone.plugin_name() == "open_clip":
            found.add("vlm")
    return found


def planned(suite: Suite, folder: Path) -> str:
    """What planning a suite without data says, which is not that data are missing."""
    try:
        if suite.train:
            Planner(Settings(data=folder)).plan(suite.cells, Store(folder), [])
        else:
            count(suite.cells[:1], None, folder)
    except UsageError as error:
        return str(error)
    except BenchError:
        return ""
    return ""


def test_every_suite_plans_without_extras_or_names_the_one_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    suites = [load_suite(name) for name in SUITES]
    with hidden(of_all_extras()):
        said = {suite.name: planned(suite, tmp_path) for suite in suites}
    for suite in suites:
        named = {extra for extra in EXTRAS if f"pip install 'adaptbench[{extra}]'" in said[suite.name]}
        assert len(named) == min(1, len(needs(suite))), (suite.name, said[suite.name])
        assert named <= needs(suite)
        assert bool(said[suite.name]) == bool(named), (suite.name, said[suite.name])
    refused = {suite.name for suite in suites if needs(suite)}
    assert {"quick_objects", "leaderboard_detection", "data_table5_video"} <= refused
    assert not {"own", "quick", "quick3d", "pacs_table3", "leaderboard_pacs"} & refused


def test_a_missing_library_is_named_before_any_data_are_read(tmp_path: Path) -> None:
    """The last cell lacks one; the data of the first, which are damaged, are not looked at."""
    first, last = load_suite("quick").cells[0], load_suite("quick_objects").cells[0]
    broken = first.dataset.model_copy()
    object.__setattr__(broken, "samples", lambda root: pytest.fail("data were read"))
    cells = [type(first)(**{**vars(first), "dataset": broken}), last]
    with hidden(modules_of("dense")), pytest.raises(UsageError, match=r"adaptbench\[dense\]"):
        Planner(Settings(data=tmp_path)).plan(cells, Store(tmp_path), [])


def test_what_needs_no_extra_trains_without_any(tmp_path: Path, run_cells: Callable[..., Done]) -> None:
    with hidden(of_all_extras()):
        done = run_cells(tmp_path, ["lora[rank=2]", "dora[rank=2]", "ridge"], recipe="quick[epochs=1]")
    assert done.failed == {}
    assert done.ran == 3


@pytest.mark.parametrize("library", sorted(extras.EXTRAS))
def test_each_library_belongs_to_the_extra_that_installs_it(library: str) -> None:
    assert library in modules_of(extras.EXTRAS[library])
    with hidden({library}), pytest.raises(UsageError) as said:
        extras.check(library, "This")
    words = extras.command(library)
    assert words in str(said.value)
    assert f"pip install 'adaptbench[{extras.EXTRAS[library]}]'" in words
    assert words.startswith(sys.executable)


def test_every_extra_for_users_is_known() -> None:
    assert set(extras.EXTRAS.values()) == set(EXTRAS) - {"dev"}


def test_a_library_of_nobody_is_installed_by_its_own_name() -> None:
    with pytest.raises(UsageError, match=r"-m pip install no_such_library$"):
        extras.check("no_such_library", "mine")


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_optional_libraries_are_imported_late_and_by_nobody_who_does_not_say_so(file: Path) -> None:
    """A module that imports one when it is loaded itself would break whatever loads it."""
    tree, optional = ast.parse(file.read_text()), of_all_extras()
    late = {node for outer in ast.walk(tree) if isinstance(outer, ast.FunctionDef) for node in ast.walk(outer)}
    typing = {
        node
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and ast.unparse(outer.test) == "TYPE_CHECKING"
        for node in ast.walk(outer)
    }
    for node in set(ast.walk(tree)) - typing:
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for name in names:
            library = name.partition(".")[0]
            if library in optional:
                assert library in extras.EXTRAS, f"{file}:{node.lineno} needs {library}, which no extra brings"
                assert node in late or file.name == "clip.py", f"{file}:{node.lineno} imports {name} when loaded"
