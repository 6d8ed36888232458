"""`bench.errors`: what a row of a table got wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.places import Place, Results, opened, path
from bench.core.errors import BenchError
from bench.records import Store
from bench.tables.errors import Errors
from bench.tables.errors import errors as found_errors

if TYPE_CHECKING:
    from bench.data.base import Dataset


def errors(
    cell: str,
    *,
    results: Results = "runs",
    split: str = "test",
    shown: int = 10,
    data: Place | None = None,
    plugins: Iterable[Place] = (),
) -> Errors:
    """Confusions, classes, domains and the items that a row's runs got wrong; prints as text.

    Args:
        cell: A filter that names one row, as for `bench.compare`.
        results: Folder of the records.
        split: ``test``, ``val`` or ``external``.
        shown: Items and confusions that the text lists; the object has all.
        data: The data root, which tells the files' folder.
        plugins: Further folders of plug-ins.

    Raises:
        UsageError: The filter names none or several rows, or their task has no classes.
        CorruptRecord: Predictions are missing or altered.
    """
    with opened(results, plugins) as store:
        found = found_errors(store, list(store.readable()), cell, split)
        return replace(found, shown=shown, folder=folder_of(store, found, path(data)))


def folder_of(store: Store, found: Errors, data: Path | None) -> Path | None:
    """Where the items' files lie; None where they are no files, or not here."""
    from bench.data.roots import data_root
    from bench.plugins import registry

    record = store.get(found.cells[0])
    assert record is not None
    try:
        cls = registry.load("datasets", record.dataset.name)
        dataset: Dataset = cls.build(record.dataset.name, record.dataset.params)
    except BenchError:  # a plug-in that is not here: its results can be read all the same
        return None
    place = dataset.location(data_root(data))
    return place if found.mistakes and (place / found.mistakes[0].id).is_file() else None
