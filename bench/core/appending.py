"""Logs that several processes append to: a line is there or not, whatever happens to the disk or the writer."""

from __future__ import annotations

import os
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
