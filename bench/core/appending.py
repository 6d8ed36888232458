"""Logs that several processes append to: a line is there or not, whatever happens to the disk or the writer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from bench.core.atomic import explain, write_point


def append(file: Path, text: str, lock: Path, point: str) -> None:
    """Add whole lines to a file, which is made when missing, and wait until the disk has them.

    Half a line that a killed writer has left is closed first. Where there is no room, nothing of ``text`` stays.

    Args:
        text: Ends with a line's end.
        lock: The file whose lock writers hold.
        point: Names the write points ``{point}-writing`` and ``{point}-written``.

    Raises:
        UsageError, DiskFull: The file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock), file.open("ab+", buffering=0) as stream:
            write_point(f"{point}-writing")
            _add(stream, text.encode())
            write_point(f"{point}-written")
    except OSError as error:
        raise explain(error, file) from error


def _add(stream: BinaryIO, content: bytes) -> None:
    before = stream.seek(0, os.SEEK_END)
    try:
        _write_all(stream, content if _ends_whole(stream, before) else b"\n" + content)
        os.fsync(stream.fileno())
    except OSError:
        stream.truncate(before)  # to shorten a file takes no room
        raise


def _write_all(stream: BinaryIO, content: bytes) -> None:
    """Unbuffered: a nearly full disk takes a part, and says so only when asked for the rest."""
    while content:
        content = content[stream.write(content) :]


def _ends_whole(stream: BinaryIO, length: int) -> bool:
    if not length:
        return True
    stream.seek(length - 1)
    return stream.read(1) == b"\n"


def whole_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, bytes) of every line of a log; half a line that a killed writer left is passed over.

    Such a line was never finished, so what it was to note had not happened; `cut_off` tells of it.
    """
    return ((number, line) for number, line in _lines(file) if not _is_cut_off(line))


def cut_off(file: Path) -> list[str]:
    """Lines that a killed writer left half written, in words."""
    return [
        f"{file}, line {number} was cut off when its writer was killed: what it was to note had not happened"
        for number, line in _lines(file)
        if _is_cut_off(line)
    ]


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Only a line feed ends a line: names may hold the other characters that Python takes for a line's end."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return
    yield from enumerate(content.removesuffix(b"\n").split(b"\n") if content else [], start=1)


def _is_cut_off(line: bytes) -> bool:
    """A line is one JSON object, so its beginning alone has no end; an inner object's end is none."""
    if not line.startswith(b"{"):
        return False
    if not line.endswith(b"}"):
        return True
    text = line.decode("utf-8", "replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos == len(text) or error.msg.startswith("Unterminated string")
    return False
