"""What the functions have in common: folders as people name them, and results that can be read in part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.plugins.folders import add_folders
from bench.records import Store

Place = str | Path
Results = str | Path | Store


@contextmanager
def opened(results: Results, plugins: Iterable[Place] = ()) -> Iterator[Store]:
    """A results folder, and further folders of plug-ins.

    In the end a warning names what could not be read; a caller that gave the store finds it there.
    """
    add_folders(plugins)
    store = results if isinstance(results, Store) else Store(Path(results))
    yield store
    if store is not results:
        store.warn()


def path(given: Place | None) -> Path | None:
    """A folder or file that may be left out."""
    return None if given is None else Path(given)


def joined(filter: str | Iterable[str] | None) -> str | None:
    """A filter, or several that must all hold; None: everything."""
    return filter if filter is None or isinstance(filter, str) else " ".join(filter) or None


def names(given: str | Iterable[str] | None) -> list[str]:
    """Names, or a text that lists them separated by commas."""
    return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else list(given or ())
