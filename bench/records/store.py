"""Records on disk: one JSON a cell with its predictions beside it, at an address made of the canonical name.

``<dataset>/<backbone>/<method>/<recipe>/seed=0.json`` and ``seed=0.npz``; a failure is ``seed=0.failed.json``.
Several processes may share a folder. Readers take no lock: whatever they open is whole.
"""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import numpy as np
from filelock import FileLock
from pydantic import ValidationError

from bench.cells.cell import Cell
from bench.core.atomic import explain, sweep, write_atomic, write_point, write_text
from bench.core.errors import BenchError
from bench.records.schema import Record

_SAFE = "[]=,+-_."  # with letters and digits: what a path component keeps as it is
_LONGEST = 180  # bytes; file systems allow 255, and a suffix and a temporary name come on top
_STRAY_AGE = 3600.0  # seconds after which a temporary file has no living writer


class CorruptRecord(BenchError):
    """A record or its predictions cannot be read; the message names the file."""

    kind = "corrupt_record"


class Store:
    """A results folder.

    Args:
        folder: Created on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @staticmethod
    def folder_of(file: Path) -> Path:
        """The results folder that a record's file lies in."""
        return file.absolute().parents[4]

    def check_writable(self) -> None:
        """Find out before hours of training, not after.

        Raises:
            UsageError: The folder cannot be made or written.
        """
        with self._lock():
            pass

    def path(self, cell: str) -> Path:
        """Where the cell's record lies (or would lie).

        Raises:
            UsageError: ``cell`` is not a canonical name.
        """
        return self.folder / address(cell)

    def get(self, cell: str) -> Record | None:
        """The cell's finished record, or None.

        Raises:
            CorruptRecord: The file is there but is no record of this cell.
        """
        return self._read(self.path(cell), cell)

    def failure(self, cell: str) -> Record | None:
        """The cell's failure since its last success, or None."""
        return self._read(_failed(self.path(cell)), cell)

    def put(self, record: Record, predictions: dict[str, np.ndarray]) -> Record:
        """Store a finished record with its predictions; a failure of the same cell vanishes.

        The new predictions wait beside the old ones until the JSON that names their digest is in place, so a reader
        finds the old pair or the new pair, whenever the writer dies.

        Args:
            predictions: Arrays named by `bench.records.schema.prediction_key`.

        Returns:
            The record as stored, with the digest of its predictions.

        Raises:
            UsageError: The folder cannot be written.
            DiskFull: The disk is full; the older record, if any, is untouched.
        """
        if record.status != "done":
            raise ValueError("a failed record goes through put_failure")
        record = record.model_copy(update={"predictions": digest(predictions)})
        path = self.path(record.cell)
        with self._lock():
            sweep(path.parent, time.time() - _STRAY_AGE)
            self._settle(path)
            write_atomic(_waiting(path), lambda place: _save(place, predictions), True, "predictions")
            try:
                _write_json(path, record, "record")
            finally:
                self._settle(path)
            write_point("predictions-settled")
            _failed(path).unlink(missing_ok=True)
        return record

    def put_failure(self, record: Record) -> None:
        """Store a failed record beside an older success, which stays."""
        if record.status != "failed":
            raise ValueError("a finished record goes through put")
        with self._lock():
            _write_json(_failed(self.path(record.cell)), record, "failure")

    def predictions(self, cell: str) -> dict[str, np.ndarray]:
        """The arrays stored with the cell's record; errors are those of `pair`."""
        return self.pair(cell)[1]

    def pair(self, cell: str) -> tuple[Record, dict[str, np.ndarray]]:
        """The cell's record and the arrays that belong to it, also while another process replaces both.

        Raises:
            CorruptRecord: There is no record, or its predictions are missing or altered.
        """
        path = self.path(cell)
        for _ in range(3):  # a writer may replace the pair between our two reads
            record = self.get(cell)
            if record is None:
                raise CorruptRecord(f"There is no record of {cell} in {self.folder}.")
            for file in (_arrays(path), _waiting(path)):
                arrays = _load(file)
                if arrays is not None and digest(arrays) == record.predictions:
                    return record, arrays
        raise CorruptRecord(f"{_arrays(path)} is missing or altered. Delete {path} and run the cell again.")

    def has_features(self, cell: str) -> bool:
        """Whether features are among the arrays stored with a cell's record; reads their names alone."""
        try:
            with np.load(_arrays(self.path(cell)), allow_pickle=False) as arrays:
                return any(name.endswith("/features") for name in arrays.files)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return False

    def all(self) -> Iterator[Record]:
        """Every record, finished ones and failures, in the order of their addresses.

        Raises:
            CorruptRecord: A file is not a record.
        """
        for path in self.paths():
            record = self._read(path, None)
            if record is not None:
                yield record

    def paths(self) -> Iterator[Path]:
        """The files of all records, readable or not, in the order of their addresses."""
        return _addresses(self.folder, depth=4)

    def at(self, path: Path) -> Record | None:
        """The record in one file of this folder, or None when there is no such file.

        Raises:
            CorruptRecord: The file is not a record.
        """
        return self._read(path, None)

    def _read(self, path: Path, cell: str | None) -> Record | None:
        try:
            record = Record.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValidationError, OSError) as error:
            problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise CorruptRecord(f"{path} is no readable record ({problem}). Delete it to run its cell again.") from None
        if cell is not None and record.cell != cell:
            raise CorruptRecord(f"{path} holds {record.cell}, not {cell}. Move it to its own address or delete it.")
        return record

    def _settle(self, path: Path) -> None:
        """Give waiting predictions their place if the JSON names them; else drop them: their writer died or failed."""
        if not _waiting(path).exists():
            return
        record, arrays = self._read(path, None), _load(_waiting(path))
        if record is not None and arrays is not None and digest(arrays) == record.predictions:
            _waiting(path).replace(_arrays(path))
        else:
            _waiting(path).unlink()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One writer at a time in this folder; a write takes milliseconds."""
        lock = self.folder / ".lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = FileLock(lock)
            held.acquire()
        except OSError as error:
            raise explain(error, lock) from error
        try:
            yield
        finally:
            held.release()


@lru_cache(maxsize=1 << 16)
def address(cell: str) -> str:
    """The path of a cell's record below the results folder; planning asks for each several times."""
    return "/".join(component(part) for part in Cell.parse(cell).parts()) + ".json"


def component(part: str) -> str:
    """One part of a canonical name as a file name: unusual characters percent-encoded, long names hashed."""
    name = quote(part, safe=_SAFE)
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 17]}~{hashlib.sha256(part.encode()).hexdigest()[:16]}"
    return name


def digest(arrays: dict[str, np.ndarray]) -> str:
    """sha256 of the arrays' names, types, shapes and contents: equal predictions, equal digest."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.hasobject:
            raise ValueError(f"predictions {name!r} hold Python objects; give ids as a str array")
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _addresses(folder: Path, depth: int) -> Iterator[Path]:
    """Record files below ``folder``; hidden folders (locks, caches, checkpoints) are not results."""
    if not folder.is_dir():
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if depth and entry.is_dir() and not entry.name.startswith("."):
            yield from _addresses(Path(entry.path), depth - 1)
        elif not depth and entry.name.startswith("seed=") and entry.name.endswith(".json"):
            yield Path(entry.path)


def _save(place: Path, arrays: dict[str, np.ndarray]) -> None:
    with place.open("wb") as file:  # given a name, numpy would append .npz
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _load(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays of an npz, or None when it is missing or damaged (the caller compares digests)."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write_json(path: Path, record: Record, point: str) -> None:
    write_text(path, record.model_dump_json(indent=1), True, point)


def _arrays(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".npz")


def _waiting(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".npz.new")


def weights_beside(path: Path) -> Path:
    """Where the weights of a record's model lie, if they were kept."""
    return path.with_name(path.name.removesuffix(".json") + ".safetensors")


def _failed(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".failed.json")
