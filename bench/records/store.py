"""Records on disk: one JSON a cell with its predictions beside it, at an address made of the canonical name.

``<dataset>/<backbone>/<method>/<recipe>/seed=0.json`` and ``seed=0.npz``; a failure is ``seed=0.failed.json``.
Several processes may share a folder. Readers take no lock: whatever they open is whole.
"""

from __future__ import annotations

import stat
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from pydantic import ValidationError

from bench.core.atomic import explain, sweep, write_atomic, write_point, write_text
from bench.core.errors import BenchError
from bench.core.npz import Damaged, npz_names
from bench.records.contradictions import contradiction
from bench.records.files import address, addresses, arrays_file, digest, failed_file, loaded, save, waiting_file
from bench.records.schema import Record

Change = Callable[[Record, dict[str, np.ndarray]], dict[str, np.ndarray] | None]
_STRAY_AGE = 3600.0  # seconds after which a temporary file has no living writer


class CorruptRecord(BenchError):
    """A record or its predictions cannot be read; the message names the file.

    Attributes:
        path: Where the record lies or should lie.
    """

    kind = "corrupt_record"

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True)
class Reliable:
    """What can be relied on of a cell.

    Attributes:
        record: Its finished record, whose predictions lie beside it.
        failure: Its failure since its last success.
        damage: What lies there and cannot be relied on, in words, or nothing.
    """

    record: Record | None
    failure: Record | None
    damage: str


class Store:
    """A results folder.

    Args:
        folder: Created on the first write.

    Attributes:
        unreadable: What readers that go on (`readable`, `note`) could not read so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.unreadable: list[CorruptRecord] = []

    def note(self, error: CorruptRecord) -> None:
        """Remember what a reader goes on without, once each."""
        if str(error) not in map(str, self.unreadable):
            self.unreadable.append(error)

    def warn(self) -> None:
        """Warn of everything in `unreadable`: for notebooks, which have no exit code."""
        for error in self.unreadable:
            warnings.warn(f"left out: {error}", stacklevel=3)

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
        return self._read(failed_file(self.path(cell)), cell)

    def reliable(self, cell: str) -> Reliable:
        """The cell's record and failure as far as they can be relied on: what is damaged counts as not there.

        Reads the predictions too, because only their digest says that they are the record's own.
        """
        problems = []
        record, failure = None, None
        try:
            record = self.get(cell) and self.pair(cell)[0]
        except CorruptRecord as error:
            problems.append(str(error))
        try:
            failure = self.failure(cell)
        except CorruptRecord as error:
            problems.append(str(error))
        return Reliable(record, failure, " ".join(problems))

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
        with self._lock():
            return self._put(record, predictions)

    def rewrite(self, path: Path, change: Change) -> bool:
        """Replace the predictions of one record by what `change` makes of them; nobody else writes meanwhile.

        Args:
            path: The record's file.
            change: Gives the new arrays, or None to leave everything as it is.

        Returns:
            Whether anything was replaced.

        Raises:
            CorruptRecord: The record or its predictions are corrupt.
            UsageError, DiskFull: As for `put`.
        """
        with self._lock():
            record = self.at(path)
            arrays = None if record is None else change(record, self.predictions(record.cell))
            if record is not None and arrays is not None:
                self._put(record, arrays)
        return arrays is not None

    def _put(self, record: Record, predictions: dict[str, np.ndarray]) -> Record:
        """`put`, for whoever holds the lock."""
        record = record.model_copy(update={"predictions": digest(predictions)})
        path = self.path(record.cell)
        sweep(path.parent, time.time() - _STRAY_AGE)
        self._settle(path)
        write_atomic(waiting_file(path), lambda place: save(place, predictions), True, "predictions")
        try:
            _write_json(path, record, "record")
        finally:
            self._settle(path)
        write_point("predictions-settled")
        failed_file(path).unlink(missing_ok=True)
        return record

    def put_failure(self, record: Record) -> None:
        """Store a failed record beside an older success, which stays."""
        if record.status != "failed":
            raise ValueError("a finished record goes through put")
        with self._lock():
            _write_json(failed_file(self.path(record.cell)), record, "failure")

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
                raise CorruptRecord(f"There is no record of {cell} in {self.folder}.", path)
            for file in (arrays_file(path), waiting_file(path)):
                arrays = loaded(file)
                if arrays is not None and digest(arrays) == record.predictions:
                    return record, arrays
        raise CorruptRecord(
            f"{arrays_file(path)} is missing or altered: these are not the predictions of {path}. Run the cell again.",
            path,
        )

    def has_features(self, cell: str) -> bool:
        """Whether features are among the arrays stored with a cell's record; reads their names alone."""
        try:
            return any(name.endswith("/features") for name in npz_names(arrays_file(self.path(cell))))
        except Damaged:
            return False

    def all(self) -> Iterator[Record]:
        """Every record, finished ones and failures, in the order of their addresses.

        Raises:
            CorruptRecord: A file is no record, or that of another cell than its address says.
        """
        for path in self.paths():
            record = self._read(path, None)
            if record is not None:
                yield record

    def readable(self) -> Iterator[Record]:
        """As `all`, but what is no record is noted in `unreadable` and left out, for the caller to tell."""
        for path in self.paths():
            try:
                record = self._read(path, None)
            except CorruptRecord as error:
                self.note(error)
                continue
            if record is not None:
                yield record

    def paths(self) -> Iterator[Path]:
        """The files of all records, readable or not, in the order of their addresses."""
        return addresses(self.folder, depth=4)

    def at(self, path: Path) -> Record | None:
        """The record in one file of this folder, or None when there is no such file.

        Raises:
            CorruptRecord: The file is no record, or that of another cell than its address says.
        """
        return self._read(path, None)

    def _read(self, path: Path, cell: str | None) -> Record | None:
        record = _parsed(path)
        if record is None:
            return None
        if cell is not None and record.cell != cell:
            raise CorruptRecord(
                f"{path} holds {record.cell}, not {cell}. Move it to its own address or delete it.", path
            )
        if problem := contradiction(record):
            raise CorruptRecord(f"{path} contradicts itself: {problem}. Delete it to run its cell again.", path)
        own = self.path(record.cell)
        if path != (own if record.status == "done" else failed_file(own)):
            raise CorruptRecord(f"{path} holds {record.cell}. Move it to its own address, {own}, or delete it.", path)
        return record

    def _settle(self, path: Path) -> None:
        """Give waiting predictions their place if the JSON names them; else drop them: their writer died or failed."""
        if not waiting_file(path).exists():
            return
        record, arrays = _named_by(path), loaded(waiting_file(path))
        if record is not None and arrays is not None and digest(arrays) == record.predictions:
            waiting_file(path).replace(arrays_file(path))
        else:
            waiting_file(path).unlink()

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


def _parsed(path: Path) -> Record | None:
    """The record in a file, or None when there is none.

    Raises:
        CorruptRecord: There is something else. A pipe is not opened: nobody might ever write to it.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CorruptRecord(f"{path} is no file. Remove it to run its cell again.", path)
        return Record.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, OSError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise CorruptRecord(
            f"{path} is no readable record ({problem}). Delete it to run its cell again.", path
        ) from None


def _named_by(path: Path) -> Record | None:
    """The record that may name waiting predictions; a damaged one names none."""
    try:
        return _parsed(path)
    except CorruptRecord:
        return None


def _write_json(path: Path, record: Record, point: str) -> None:
    write_text(path, record.model_dump_json(indent=1), True, point)
