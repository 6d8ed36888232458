"""Smaller results: outputs in few bits (`bench.report.rounding`), arrays in few bytes, records on one line and brief
(`bench.report.brevity`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZipFile, ZipInfo

import numpy as np

from bench.core.atomic import write_atomic, write_text
from bench.records import Store
from bench.records.files import arrays_file
from bench.report.brevity import brief
from bench.report.rounding import rounded


@dataclass(frozen=True)
class Packed:
    """What was done.

    Attributes:
        records: Finished records looked at.
        packed: Those whose predictions are smaller now.
        before, after: Bytes of all predictions.
    """

    records: int
    packed: int
    before: int
    after: int


def pack(store: Store) -> Packed:
    """Round the predictions of every finished record in a results folder, in place.

    Raises:
        CorruptRecord: A record or its predictions are damaged; those before it are packed.
        UsageError: The folder cannot be written.
    """
    records = packed = before = after = 0
    for path in list(store.paths()):
        record = store.at(path)
        if record is None or record.status != "done":
            continue
        arrays, file = store.predictions(record.cell), arrays_file(path)
        records, before = records + 1, before + file.stat().st_size
        smaller = rounded(record, arrays)
        if any(smaller[name] is not array for name, array in arrays.items()):
            store.put(record, smaller)
        packed += squeezed(file)
        _shorten(path)
        after += file.stat().st_size
    return Packed(records, packed, before, after)


def _shorten(path: Path) -> None:
    """A record without the line breaks that make a single one easy to read, and without digits that no one reads."""
    text = path.read_text(encoding="utf-8")
    short = json.dumps(brief(json.loads(text)), separators=(",", ":"), ensure_ascii=False) + "\n"
    if short != text:
        write_text(path, short)


def squeezed(file: Path) -> bool:
    """Write an npz again, numbers by bzip2 and text by LZMA, the shorter way for each; numpy reads both.

    Records keep the digest of arrays, not of the file. Equal arrays are equal bytes: the date is always the same.

    Returns:
        Whether it was written in another way before.
    """
    with ZipFile(file) as archive:
        before = {part.filename: part.compress_type for part in archive.infolist()}
        ways = {name: ZIP_LZMA if _is_text(archive, name) else ZIP_BZIP2 for name in before}
        if ways == before:
            return False
        parts = {name: archive.read(name) for name in before}

    def write(place: Path) -> None:
        with ZipFile(place, "w") as archive:
            for name, content in parts.items():
                archive.writestr(ZipInfo(name), content, ways[name])  # ZipInfo has one date for all

    write_atomic(file, write)
    return True


def _is_text(archive: ZipFile, name: str) -> bool:
    """Whether an npy of an npz holds strings, by its header."""
    with archive.open(name) as content:
        version = np.lib.format.read_magic(content)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return read_header(content)[2].kind == "U"
