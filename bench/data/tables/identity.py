"""Hashes of what the samples are: file bytes, array bytes, table rows.

File hashes are kept in the user's cache by path, size and modification time, one small file a folder, replaced
atomically; processes that race lose nothing but time.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core.atomic import write_text
from bench.core.errors import DataError
from bench.data.base import CARD_FIELDS, Dataset, rows_of
from bench.data.formats.folders import printable
from bench.data.roots import cache_root
from bench.data.tables.names import meant
from bench.plugins.fingerprint import code_identity

if TYPE_CHECKING:
    import pandas as pd

Known = dict[str, tuple[int, int, str]]  # path below the folder -> (bytes, mtime in ns, sha256)


def content_hashes(dataset: Dataset, table: pd.DataFrame, root: Path) -> np.ndarray:
    """Return (n,) sha256 of each row's file bytes, or of its array bytes where it has no file.

    Rows that are entries of an array inside a file (``path`` and ``index``) carry the file's hash.

    Raises:
        DataError: A file is missing or cannot be read; the message names it.
    """
    place = dataset.location(root)
    if "path" in table:
        return file_digests(place, table["path"].tolist())
    return np.array([_array_hash(dataset.read(sample)) for sample in rows_of(dataset, table, root)], dtype=object)


def _array_hash(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.shape}{array.dtype}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def target_hashes(dataset: Dataset, table: pd.DataFrame, root: Path) -> np.ndarray:
    """Return (n,) sha256 of each row's target: of its file, or of the decoded map or boxes where it has none.

    Empty where the task's targets stand in the table.

    Raises:
        DataError: A file is missing or cannot be read; the message names it.
    """
    if dataset.task_plugin.target == "table":
        return np.empty(0, dtype=object)
    if "target" in table:
        return file_digests(dataset.location(root), table["target"].tolist())
    return np.array([_array_hash(dataset.read_target(one)) for one in rows_of(dataset, table, root)], dtype=object)


def targets_identity(dataset: Dataset, hashes: np.ndarray) -> str:
    """sha256 of what decoding the targets of all rows depends on; empty where there are none."""
    if not len(hashes):
        return ""
    digest = hashlib.sha256()
    if type(dataset).read_target is not Dataset.read_target:
        _feed(digest, "reading", _adapter(dataset))
    _feed(digest, "content", hashes.tolist())
    return digest.hexdigest()


def data_identity(
    dataset: Dataset, table: pd.DataFrame, hashes: np.ndarray, targets: np.ndarray, text: np.ndarray | None = None
) -> str:
    """sha256 of the used samples' bytes, how they are read, their rows (split included) and the adapter's source.

    Args:
        hashes, targets: What `content_hashes` and `target_hashes` give.
        text: The text features that the data set brings.
    """
    used = (table["split"] != "").to_numpy()
    digest = hashlib.sha256(code_identity(type(dataset), CARD_FIELDS).encode())
    _feed(digest, "reading", _reading(dataset))
    for column in sorted(table.columns):
        _feed(digest, column, table.loc[used, column].tolist())
    _feed(digest, "content", hashes[used].tolist())
    _feed(digest, "targets", targets[used].tolist() if len(targets) else ())
    if text is not None:
        _feed(digest, "text", [_array_hash(text)])
    return digest.hexdigest()


def samples_identity(dataset: Dataset, table: pd.DataFrame, hashes: np.ndarray) -> str:
    """sha256 of what decoding all rows depends on, whatever the split: their bytes, and how they are read."""
    digest = hashlib.sha256()
    _feed(digest, "reading", _reading(dataset))
    if not dataset.reads_files:
        for column in ("id", "path", "index"):
            _feed(digest, column, table.get(column, ()))
    _feed(digest, "content", hashes.tolist())
    return digest.hexdigest()


def _reading(dataset: Dataset) -> list[object]:
    """What decides how bytes become pixels: the intensity rule, and unless files are plain images the adapter too."""
    return [dataset.intensity, *([] if dataset.reads_files else _adapter(dataset))]


def _adapter(dataset: Dataset) -> list[object]:
    """The adapter's code, its own fields, and the libraries it names."""
    fields = dataset.model_dump(mode="json", exclude=set(Dataset.model_fields))
    facts = [json.dumps(facts, sort_keys=True)] if (facts := dataset.reading()) else []
    return [code_identity(type(dataset), CARD_FIELDS), json.dumps(fields, sort_keys=True), *facts]


def _feed(digest: hashlib._Hash, name: str, values: Iterable[object]) -> None:
    text = json.dumps([name, [str(value) for value in values]])
    digest.update(text.encode() + b"\n")


def file_digests(place: Path, paths: list[str], algorithm: str = "sha256") -> np.ndarray:
    """Return (n,) hexadecimal digests of files below ``place``, from the cache where size and time are unchanged.

    A folder's digest is that of all it holds.

    Raises:
        DataError: A file is missing or cannot be read; the message names it.
    """
    unique = sorted(set(paths), key=os.fsencode)
    store = _store(place, algorithm)
    known = _load(store)

    def entry(path: str) -> tuple[int, int, str]:
        return _file_entry(place / path, known.get(path), algorithm)

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        try:
            found = dict(zip(unique, pool.map(entry, unique), strict=True))
        except DataError:
            _check_there(place, unique)
            raise
    if any(known.get(path) != found_entry for path, found_entry in found.items()):
        write_text(store, json.dumps({**_load(store), **found}))
    return np.array([found[path][2] for path in paths], dtype=object)


def _check_there(place: Path, paths: list[str]) -> None:
    """Raise one DataError for all files that are not there, with the likely cause, where several are not."""
    absent = [path for path in paths if not (place / path).exists()]
    cause = meant(place, absent[0]) if absent else ""
    if cause or len(absent) > 1:
        many, fix = f"{len(absent)} of {len(paths)} files", f"{cause}." if cause else "Restore them from the source."
        example = f"{printable(place)}, e.g. {printable(absent[0])}"
        raise DataError(f"Cannot read {many} in {example}: No such file or directory. {fix}")


def _store(place: Path, algorithm: str) -> Path:
    name = hashlib.sha256(os.fsencode(place.resolve())).hexdigest()[:24]
    return cache_root() / "hashes" / f"{name}.{algorithm}.json"


def _file_entry(file: Path, known: tuple[int, int, str] | None, algorithm: str) -> tuple[int, int, str]:
    try:
        inside = sorted(file.rglob("*")) if file.is_dir() else []
        stats = [one.stat() for one in (file, *inside)]  # a folder's own time tells of renamed files
        if not (stat.S_ISREG(stats[0].st_mode) or stat.S_ISDIR(stats[0].st_mode)):
            raise DataError(f"{printable(file)} is neither a file nor a folder. Remove it, or restore the file.")
        size, newest = sum(one.st_size for one in stats), max(one.st_mtime_ns for one in stats)
        if known is not None and known[:2] == (size, newest):
            return known
        return size, newest, _folder_digest(file, inside, algorithm) if file.is_dir() else _digest(file, algorithm)
    except OSError as error:
        reason = f"Cannot read {printable(file)}: {error.strerror}"
        raise DataError(f"{reason}. Restore the file from the source.") from error


def _digest(file: Path, algorithm: str) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _folder_digest(folder: Path, inside: list[Path], algorithm: str) -> str:
    """Of the names and bytes of all files: a DICOM series is one sample."""
    digest = hashlib.new(algorithm)
    for file in inside:
        if file.is_file():
            _feed(digest, str(file.relative_to(folder)), [_digest(file, algorithm)])
    return digest.hexdigest()


def _load(store: Path) -> Known:
    """Read a hash file; one that is missing or unreadable only costs hashing again."""
    try:
        entries = json.loads(store.read_text())
        return {path: (int(entry[0]), int(entry[1]), str(entry[2])) for path, entry in entries.items()}
    except (OSError, ValueError, AttributeError, IndexError, TypeError):
        return {}
