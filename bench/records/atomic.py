"""Files that are either whole or absent, and named points at which tests can interrupt their writing."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from bench.errors import BenchError, UsageError

FAULT_VARIABLE = "BENCH_FAULT"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(BenchError):
    """There is no room left for a record, checkpoint or cache."""

    kind = "disk_full"


def write_point(name: str) -> None:
    """Mark a place in a sequence of writes; tests interrupt it through ``BENCH_FAULT=kill:NAME`` or ``full:NAME``.

    ``kill`` ends the process as ``kill -9`` does; ``full`` raises what a full disk raises.
    """
    fault = os.environ.get(FAULT_VARIABLE)
    if fault == f"kill:{name}":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == f"full:{name}":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_atomic(path: Path, write: Callable[[BinaryIO], object], point: str) -> None:
    """Write a file through a temporary one beside it, so that ``path`` is the old or the new file, whole.

    Args:
        path: Target; its folder is created.
        write: Writes the contents to an open binary file.
        point: Write points ``{point}-writing`` (temporary file incomplete), ``{point}-written`` (complete, not yet
            in place) and ``{point}-placed``.

    Raises:
        UsageError: The file cannot be written.
        DiskFull: The disk is full; no temporary file is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                write(file)
                write_point(f"{point}-writing")
                file.flush()
                os.fsync(file.fileno())
            write_point(f"{point}-written")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, path) from error
    write_point(f"{point}-placed")


def explain(error: OSError, path: Path) -> BenchError:
    """Turn an operating system's error about a write into one that says the fix."""
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {path} was not written. Free some space and run the same command again.")
    return UsageError(f"Cannot write {path} ({error.strerror}). Choose a folder you may write to.")


def sweep(folder: Path, older_than: float) -> None:
    """Remove temporary files that an interrupted `write_atomic` left in ``folder``.

    Args:
        older_than: Seconds since the epoch; newer files may belong to a process that is still writing.
    """
    for stray in folder.glob(".*.tmp"):
        try:
            if stray.stat().st_mtime < older_than:
                stray.unlink()
        except FileNotFoundError:
            continue  # its writer finished, or another process swept it first
