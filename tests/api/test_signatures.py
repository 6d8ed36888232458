"""Every option of a command is a parameter of its function, with the same name and the same default."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from command_lines import APPLICATION

import bench

COMMANDS = ("run", "compare", "table", "plot", "report", "predict", "errors", "verify", "reproduce")
# Options that choose how a result is written: the function gives an object that has every format. `bench verify --plan`
# is another action, so that it is another function: `bench.api.verify.fix_tolerances`.
EXCEPTIONS = {
    **{name: {"json"} for name in ("run", "compare", "reproduce")},
    "table": {"format", "details"},
    "errors": {"format"},
    "verify": {"format", "plan"},
}


def plain(value: Any) -> Any:
    """A default as it means: folders as text, and nothing given as None, however it is written."""
    return str(value) if isinstance(value, Path) else None if value in ((), []) else value


def options(name: str) -> dict[str, Any]:
    """Name -> default of a command's options and arguments."""
    return {option.name: plain(option.default) for option in APPLICATION.commands[name].params if option.name != "help"}


def parameters(name: str) -> dict[str, Any]:
    """Name -> default of a function's parameters; variable ones default to nothing."""
    found = inspect.signature(getattr(bench, name)).parameters.values()
    return {one.name: None if one.default is one.empty else plain(one.default) for one in found}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_function_has_the_options_of_its_command(name: str) -> None:
    given = {option: default for option, default in options(name).items() if option not in EXCEPTIONS.get(name, ())}
    assert parameters(name) == given


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_is_called_as_its_parameter(name: str) -> None:
    """``--keep-weights`` is ``keep_weights``, but for what is repeated on the command line."""
    short = {"overrides": "-o", "callbacks": "--callback"}
    for option in APPLICATION.commands[name].params:
        if option.opts[0].startswith("-"):
            assert option.opts[0] == short.get(option.name, f"--{option.name.replace('_', '-')}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_exception_is_an_option(name: str) -> None:
    assert EXCEPTIONS.get(name, set()) <= options(name).keys()


@pytest.mark.parametrize("name", [*COMMANDS, "load_model", "load_records", "Outcome"])
def test_the_door_gives_it(name: str) -> None:
    assert callable(getattr(bench, name))
    assert name in dir(bench)


def test_a_function_stays_one_after_its_room_is_imported() -> None:
    """As a submodule of the same name would take its place."""
    import bench.pages.build
    import bench.plots.draw
    import bench.tables.errors

    assert all(inspect.isfunction(getattr(bench, name)) for name in COMMANDS)
