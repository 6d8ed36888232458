"""Walking folders of images, and turning what lies there into a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".dcm"})
_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # what file managers and archivers leave behind
_UNREADABLE = "Make it readable, or remove it."


def is_clutter(name: str) -> bool:
    """Whether a file or folder is a hidden one or a file manager's."""
    return name.startswith(".") or name.lower() in _CLUTTER


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in ``folder``, sorted; hidden ones are left out.

    Raises:
        DataError: The folder is missing.
    """
    return [entry.name for entry in _entries(folder) if _is_folder(entry) and not is_clutter(entry.name)]


def holds_files(folder: Path) -> bool:
    """Whether a file lies directly in ``folder``, clutter aside.

    Raises:
        DataError: The folder is missing.
    """
    return any(not _is_folder(entry) and not is_clutter(entry.name) for entry in _entries(folder))


def images_in(folder: Path) -> list[str]:
    """Names of the images lying in ``folder``, sorted.

    Raises:
        DataError: The folder is missing, or holds something that is neither an image nor clutter.
    """
    names = []
    for entry in _entries(folder):
        if is_clutter(entry.name):
            continue
        if _is_folder(entry) or Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
            raise DataError(f"{printable(entry.path)} does not belong among the images of its folder. Remove it.")
        names.append(entry.name)
    return names


def walk(folder: Path) -> Iterator[str]:
    """Yield every file below ``folder`` as a path relative to it, sorted, each folder's files before its folders.

    Hidden folders and those of file managers are passed over. Links are followed, also two to one place; one that
    leads back to a folder above it is not.

    Raises:
        DataError: A folder cannot be listed.
    """
    yield from _walk(folder, "", ())


def _walk(folder: Path, inside: str, above: tuple[str, ...]) -> Iterator[str]:
    """`walk` from ``folder / inside``; paths begin with ``inside``, and ``above`` are the real paths on the way."""
    real = os.path.realpath(folder / inside)
    if real in above:
        return
    folders = []
    for entry in _entries(folder / inside):
        if not _is_folder(entry):
            if not entry.is_file() and not is_clutter(entry.name):
                raise DataError(f"{printable(entry.path)} is no file (a broken link, or a pipe). Remove it.")
            yield inside + entry.name
        elif not is_clutter(entry.name):
            folders.append(entry.name)
    for name in folders:
        yield from _walk(folder, f"{inside}{name}/", (*above, real))


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
    told = [{key: value for key, value in row.items() if key != "path"} for row in ordered]
    ids = [printable(row["path"]) for row in ordered]
    columns = None if ordered else ["id", "label"]
    table = pd.DataFrame([{"id": name, **row} for name, row in zip(ids, told, strict=True)], columns=columns)
    # Not pandas' string type: it cannot hold file names that are not UTF-8.
    table.insert(1, "path", pd.Series([row["path"] for row in ordered], index=table.index, dtype=object))
    return table


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        fix = "The layout needs this folder." if isinstance(error, FileNotFoundError) else _UNREADABLE
        raise DataError(f"Cannot list {printable(folder)}: {error.strerror}. {fix}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link to a place that may not be looked at, or to itself
        raise DataError(f"Cannot look at {printable(entry.path)}: {error.strerror}. {_UNREADABLE}") from error
