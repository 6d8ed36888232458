"""Command lines that are offered, parsed as the command line parses them; nothing is carried out."""

from __future__ import annotations

import shlex
from typing import Any

import typer.main

from bench.cli.app import app

APPLICATION: Any = typer.main.get_command(app)


def parse(arguments: list[str] | str) -> None:
    """Raise AssertionError where the command line would refuse a command, an option or an argument.

    Args:
        arguments: A whole line that begins with ``bench``, or what follows it.
    """
    rest = shlex.split(arguments)[1:] if isinstance(arguments, str) else list(arguments)
    found, context = APPLICATION, APPLICATION.context_class(APPLICATION, info_name="bench", obj=())
    while hasattr(found, "commands"):
        name, *rest = rest
        assert name in found.commands, f"there is no command {name}"
        found = found.commands[name]
        parent, context = context, found.context_class(found, info_name=name, parent=context)
    try:
        found.make_context(found.name, rest, parent=parent)
    except Exception as error:  # typer brings its own copy of click's errors
        raise AssertionError(f"bench {arguments}: {error}") from error
