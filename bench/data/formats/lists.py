"""List files: a path and a class number a line, as many benchmarks ship their splits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.core.errors import DataError, MissingData
from bench.data.formats.reading import reading


def listed(file: Path) -> Iterator[tuple[str, int]]:
    """Yield (path, label) of every line ``path label``; paths may hold spaces, empty lines are passed over.

    Raises:
        MissingData: The list is not there.
        DataError: A line has no path, or no class number from 0 up; the message names file and line.
    """
    if not file.is_file():
        raise MissingData(f"The list {file} is not there. The layout needs it: restore it from the source.")
    with reading("list", file):
        lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        path, _, label = line.strip().rpartition(" ")
        if not line.strip():
            continue
        if not path or not (label.isascii() and label.isdigit()):
            raise DataError(f"{file}, line {number}: {line!r} is not a path and a class number. Restore the list.")
        yield path.strip(), int(label)
