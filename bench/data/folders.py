"""Walking folders of images, and turning what lies there into a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})  # what file managers leave behind


def is_clutter(name: str) -> bool:
    """Whether a file is a hidden one or a file manager's."""
    return name.startswith(".") or name.lower() in _CLUTTER


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in ``folder``, sorted; hidden ones are left out.

    Raises:
        DataError: The folder is missing.
    """
    return [entry.name for entry in _entries(folder) if entry.is_dir() and not is_clutter(entry.name)]


def images_in(folder: Path) -> list[str]:
    """Names of the images lying in ``folder``, sorted.

    Raises:
        DataError: The folder is missing, or holds something that is neither an image nor clutter.
    """
    names = []
    for entry in _entries(folder):
        if is_clutter(entry.name):
            continue
        if entry.is_dir() or Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
            raise DataError(f"{printable(entry.path)} does not belong among the images of its folder. Remove it.")
        names.append(entry.name)
    return names


def walk(folder: Path) -> Iterator[str]:
    """Yield every file below ``folder`` as a path relative to it, sorted; links are followed, loops are not."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(files):
            yield os.path.relpath(os.path.join(place, name), folder)


def printable(path: str | os.PathLike[str]) -> str:
    """A path as valid Unicode: bytes of the file name that are not UTF-8 are written as ``\\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def file_table(rows: Iterable[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return the table of image files, sorted by path; ``id`` is the printable path unless given.

    Args:
        rows: Dictionaries with ``path`` (below the set's folder), ``label`` and any further columns.
    """
    import pandas as pd

    ordered = sorted(rows, key=lambda row: os.fsencode(row["path"]))
    columns = None if ordered else ["id", "path", "label"]
    table = pd.DataFrame([{"id": printable(row["path"]), **row} for row in ordered], columns=columns)
    # Not pandas' string type: it cannot hold file names that are not UTF-8.
    table["path"] = pd.Series([row["path"] for row in ordered], index=table.index, dtype=object)
    return table


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise DataError(f"Cannot list {printable(folder)}: {error.strerror}. The layout needs this folder.") from error
