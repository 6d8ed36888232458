"""Looking through a whole results folder: records, the predictions beside them, and what belongs to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench.core.errors import UsageError
from bench.plugins.folders import use_folders, user_folders
from bench.records.files import arrays_file
from bench.records.schema import Record
from bench.records.store import CorruptRecord, Store


@dataclass(frozen=True)
class Inspected:
    """What was found.

    Attributes:
        records: Finished records whose predictions have the digest that they state.
        failures: Records of failures.
        problems: What is damaged or contradicts itself, in words that name the file.
        strays: Arrays without a record.
    """

    records: int
    failures: int
    problems: list[str]
    strays: list[str]


Look = Callable[[Record, dict[str, np.ndarray]], Iterable[str]]


def inspect(store: Store, look: Look | None = None, processes: int = 1) -> Inspected:
    """Read every record and all predictions of a folder.

    Args:
        look: Finds further problems of a record and its predictions, in words; a function of a module where there are
            several processes, which see the same folders of plug-ins.

    Raises:
        UsageError: There is no such folder.
    """
    if not store.folder.is_dir():
        raise UsageError(f"There is no results folder {store.folder}. Name another one by --results.")
    paths = list(store.paths())
    if processes > 1:
        context = get_context("spawn")  # a copy of a process that computes may hang
        with ProcessPoolExecutor(processes, context, use_folders, (user_folders(),)) as pool:
            found = list(pool.map(partial(_looked_at, store.folder, look), paths, chunksize=8))
    else:
        found = [_looked_at(store.folder, look, path) for path in paths]
    statuses = [status for status, _ in found]
    problems = [problem for _, problems in found for problem in problems]
    return Inspected(statuses.count("done"), statuses.count("failed"), problems, [str(path) for path in _strays(store)])


def _looked_at(folder: Path, look: Look | None, path: Path) -> tuple[str, list[str]]:
    """A record's status, empty where it cannot be read, and its problems."""
    store, problems = Store(folder), []
    try:
        record = store.at(path)
        if record is not None and record.status == "done":
            record, arrays = store.pair(record.cell)
            problems = [f"{path}: {problem}" for problem in (look(record, arrays) if look else ())]
    except CorruptRecord as error:
        return "", [str(error)]
    return record.status if record else "", problems


def _strays(store: Store) -> Iterator[Path]:
    beside = {arrays_file(path) for path in store.paths()}
    for folder in sorted({file.parent for file in beside}):
        yield from sorted(file for file in folder.glob("seed=*.npz") if file not in beside)
