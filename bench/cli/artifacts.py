"""Files of a results folder that commands made from its records, and the list that says by which.

The list is ``made_by.txt`` in the folder: a line a file, ``tables/pacs.md: bench table pacs --stages --format md``. The
folder and the file to write are added by themselves; lines that begin with # are remarks. A line is read by the options
of its command, and carried out by the function that the command calls as well.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from bench.cli import results as options
from bench.cli.commands import compare, cost, errors, plot, rank, table, verify
from bench.cli.options import application
from bench.core.atomic import write_text
from bench.core.commands import command
from bench.core.errors import BenchError, UsageError
from bench.plugins.folders import add_folders
from bench.records import Store

LIST = "made_by.txt"
# The words of a command -> its options, and what makes its text of them.
MAKERS: dict[str, tuple[Callable[..., None], Callable[..., str]]] = {
    "table": (options.table, table.text),
    "compare": (options.compare, compare.text),
    "errors": (options.errors, errors.text),
    "rank": (options.rank, rank.text),
    "verify": (options.verify, verify.text),
    "plot": (options.plot, plot.text),
    "results cost": (options.cost, cost.text),
}
Refused: Any = typer.BadParameter.__base__  # an option that there is not, a value left out


@dataclass(frozen=True)
class Made:
    """A file below the results folder, and the command that makes it.

    Attributes:
        name: Words of the command, as in `MAKERS`.
        words: Its arguments.
    """

    file: str
    name: str
    words: tuple[str, ...]

    @property
    def printed(self) -> bool:
        """Whether the command prints what the file holds; figures are written by the command itself."""
        return self.name != "plot"

    @property
    def command(self) -> str:
        """As a person would give it, without the folder."""
        return f"bench {self.name} {shlex.join(self.words)}".rstrip()

    def options(self) -> dict[str, Any]:
        """What the words choose, by the names of the function that makes the text.

        Raises:
            UsageError: An option or an argument is wrong.
        """
        parser: Any = application(add_completion=False)
        parser.command()(MAKERS[self.name][0])
        try:
            chosen = typer.main.get_command(parser).make_context(f"bench {self.name}", list(self.words), obj=()).params
        except Refused as error:
            raise UsageError(f"{self.command}: {error.format_message()}") from error
        return {name: value for name, value in chosen.items() if name not in ("results", "out")}


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


def make(results: Path) -> Iterator[str]:
    """Write every file that the list names, and yield their names.

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
        write(one, results, target)
        yield one.file


def differing(results: Path) -> Iterator[str]:
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
                write(one, results, anew)
                if there.read_bytes() != anew.read_bytes():
                    yield f"{there} is not what {one.command} makes of the records now. Run `{again}`."


def write(one: Made, results: Path, target: Path) -> None:
    """Carry out a line of the list.

    Raises:
        UsageError: The command was refused, or records cannot be read.
    """
    chosen, store = one.options(), Store(results)
    add_folders(chosen.pop("plugins") or ())
    place = {} if one.printed else {"out": target}
    try:
        text = MAKERS[one.name][1](results=store, **chosen, **place)
    except BenchError as error:
        raise UsageError(f"{one.command}: {error} Mend the line of {one.file}, or the records.") from error
    if store.unreadable:
        raise UsageError(f"{one.command}: {store.unreadable[0]}")
    if one.printed:
        above = f"<!-- {one.command} -->\n\n" if target.suffix == ".md" else ""
        write_text(target, f"{above}{text}\n")


def _read(line: str, place: str) -> Made:
    file, colon, command = line.partition(": ")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"{place}: {error}.") from error
    name = next((name for name in MAKERS if words[: len(name.split()) + 1] == ["bench", *name.split()]), None)
    if not colon or name is None:
        known = ", ".join(MAKERS)
        raise UsageError(f"{place} is not FILE: bench COMMAND ..., where COMMAND makes a file of records: {known}.")
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise UsageError(f"{place}: {file} lies outside of the results folder.")
    return Made(file, name, tuple(words[1 + len(name.split()) :]))
