"""Every command that stands in a string of the code parses; one with a name or folder in it is built by `command`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_lines import APPLICATION, parse

import bench

PACKAGE = Path(bench.__file__).parent
NAMES = "|".join(APPLICATION.commands)
MENTION = re.compile(rf"\bbench (?:{NAMES})\b")
QUOTED = re.compile(rf"(?:`|<code>|: )(bench (?:{NAMES})\b[^`<]*)(?:`|</code>)")
HELP = {"help", "epilog", "short_help"}  # names commands, offers none


def literals(file: Path) -> Iterator[str]:
    """Strings of a module but for docstrings and help; {} stands for what is filled in."""
    tree = ast.parse(file.read_text())
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    skipped |= {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in HELP
        for part in ast.walk(node.value)
    }
    skipped |= {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }  # read as a whole
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)


def printed() -> Iterator[tuple[str, str]]:
    """File and string of everything that mentions a command."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield from ((str(file.relative_to(PACKAGE)), text) for text in literals(file) if MENTION.search(text))
    for file in sorted(PACKAGE.rglob("templates/*.html")):
        yield from (
            (str(file.relative_to(PACKAGE)), line) for line in file.read_text().splitlines() if MENTION.search(line)
        )


@pytest.mark.parametrize(("file", "text"), list(printed()))
def test_a_command_in_a_message_can_be_told_from_the_prose_and_parses(file: str, text: str) -> None:
    found = QUOTED.findall(text)
    assert len(found) == len(MENTION.findall(text)), f"{file}: put the command in backquotes"
    for line in found:
        assert "{}" not in line, f"{file}: build it with bench.core.commands.command, which quotes"
        parse(line)


def test_a_message_that_offers_a_wrong_command_is_noticed() -> None:
    for wrong in ("bench doctor --results", "bench data audit --json", "bench run --folder x"):
        with pytest.raises(AssertionError):
            parse(wrong)
