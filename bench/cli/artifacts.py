"""Files of a results folder that commands made from its records, and the list that says by which.

The list is ``made_by.txt`` in the folder: a line a file, ``tables/pacs.md: bench table pacs --stages --format md``. The
folder and the file to write are added by themselves; lines that begin with # are remarks.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.errors import UsageError
from bench.plugins.folders import user_folders

LIST = "made_by.txt"
TEXTS = (".md", ".csv", ".json", ".tex", ".txt")  # what is printed; anything else takes --out
Program = Callable[..., Any]


@dataclass(frozen=True)
class Made:
    """A file below the results folder, and the arguments of `bench` that make it."""

    file: str
    arguments: tuple[str, ...]

    @property
    def printed(self) -> bool:
        """Whether the command prints what the file holds; figures are written by the command itself."""
        return self.file.endswith(TEXTS)

    @property
    def command(self) -> str:
        """As a person would give it, without the folder."""
        return f"bench {shlex.join(self.arguments)}"


def listed(results: Path) -> list[Made]:
    """What the list in a results folder names, in its order; nothing where there is no list.

    Raises:
        UsageError: A line is not ``FILE: bench ...``, or its file would lie outside of the folder.
    """
    place = results / LIST
    if not place.is_file():
        return []
    lines = enumerate(place.read_text().splitlines(), 1)
    return [_read(line, f"{place}:{number}") for number, line in lines if line.strip() and not line.startswith("#")]


def make(results: Path, program: Program) -> Iterator[str]:
    """Write every file that the list names, and yield their names.

    Args:
        program: The command line: carries out arguments, as click's ``Command.main`` does.

    Raises:
        UsageError: There is no list, a line is wrong, or its command was refused.
    """
    made = listed(results)
    if not made:
        raise UsageError(
            f"{results / LIST} names no files. Write lines such as `tables/all.md: bench table --format md`."
        )
    for one in made:
        target = results / one.file
        target.parent.mkdir(parents=True, exist_ok=True)
        write(one, results, target, program)
        yield one.file


def differing(results: Path, program: Program) -> Iterator[str]:
    """What the list names and would come out otherwise now, in words; of figures only that they are missing.

    Figures are not compared: another version of what draws them may place a letter elsewhere.
    """
    again = command("results", "make", results=results)
    with TemporaryDirectory() as folder:
        for number, one in enumerate(listed(results)):
            there, anew = results / one.file, Path(folder) / f"{number}{Path(one.file).suffix}"
            if not there.is_file():
                yield f"{there} is missing. Make it by `{again}`."
            elif one.printed:
                write(one, results, anew, program)
                if there.read_bytes() != anew.read_bytes():
                    yield f"{there} is not what {one.command} makes of the records now. Run `{again}`."


def write(one: Made, results: Path, target: Path, program: Program) -> None:
    """Carry out a line of the list.

    Raises:
        UsageError: The command was refused, or says that something is wrong (exit code 1).
    """
    if not one.printed:
        _run([*one.arguments, "--results", str(results), "--out", str(target)], one, program)
        return
    text = _run([*one.arguments, "--results", str(results)], one, program)
    above = f"<!-- {one.command} -->\n\n" if target.suffix == ".md" else ""
    write_text(target, above + text)


def _run(arguments: list[str], one: Made, program: Program) -> str:
    """What the command prints."""
    plugins = [word for folder in user_folders() for word in ("--plugins", str(folder))]
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = program([*plugins, *arguments], prog_name="bench", standalone_mode=False)
    if code:
        raise UsageError(f"{one.command} ended with exit code {code}. Mend the line of {one.file}, or the records.")
    return printed.getvalue()


def _read(line: str, place: str) -> Made:
    file, colon, command = line.partition(": ")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"{place}: {error}.") from error
    if not colon or words[:1] != ["bench"] or len(words) < 2:
        raise UsageError(f"{place} is not FILE: bench COMMAND ....")
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise UsageError(f"{place}: {file} lies outside of the results folder.")
    return Made(file, tuple(words[1:]))
