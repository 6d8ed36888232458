"""Smaller results: outputs in few bits (`bench.report.rounding`), arrays in few bytes, records on one line and brief
(`bench.report.brevity`)."""

from __future__ import annotations

import bz2
import json
import lzma
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZipFile, ZipInfo

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
    """Write an npz again, each array by bzip2 (rounded outputs) or LZMA (names, labels), whichever is shorter.

    numpy reads both. Records keep the digest of arrays, not of the file. Equal arrays are equal bytes: the date is
    always the same.

    Returns:
        Whether it was written in another way before.
    """
    with ZipFile(file) as archive:
        if all(part.compress_type in (ZIP_BZIP2, ZIP_LZMA) for part in archive.infolist()):
            return False
        parts = {name: archive.read(name) for name in archive.namelist()}

    def write(place: Path) -> None:
        with ZipFile(place, "w") as archive:
            for name, content in parts.items():
                archive.writestr(ZipInfo(name), content, _shorter_way(content))  # ZipInfo has one date for all

    write_atomic(file, write)
    return True


def _shorter_way(content: bytes) -> int:
    by_lzma = lzma.compress(content, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    return ZIP_LZMA if len(by_lzma) < len(bz2.compress(content)) else ZIP_BZIP2
