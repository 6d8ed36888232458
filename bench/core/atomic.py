"""Files that are either whole or not there, and named points at which tests can interrupt their writing."""

from __future__ import annotations

import errno
import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.core.errors import BenchError, UsageError

FAULT_VARIABLE = "BENCH_FAULT"
_TEMPORARY = ".tmp-"
_visits: Counter[str] = Counter()
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE = (*_FULL, errno.EFBIG, errno.EROFS)


class DiskFull(BenchError):
    """There is no room left for a record, checkpoint or cache."""

    kind = "disk_full"


def write_atomic(path: Path, write: Callable[[Path], object], durable: bool = False, point: str = "file") -> None:
    """Let ``write`` fill a temporary file beside ``path``, then move it into place.

    Args:
        path: The final place; its folder is made when missing.
        write: Receives the temporary file's path.
        durable: Also flush to the disk, so that the file survives a power cut, not only a kill.
        point: Names the write points ``{point}-writing`` (temporary file written, perhaps not flushed),
            ``{point}-written`` (flushed, not yet in place) and ``{point}-placed``.

    Raises:
        UsageError: The file cannot be written.
        DiskFull: The disk is full; no temporary file is left behind.
    """
    temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            write_point(f"{point}-writing")
            if durable:
                flush(temporary)
            write_point(f"{point}-written")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, path) from error
    write_point(f"{point}-placed")


def write_text(path: Path, text: str, durable: bool = False, point: str = "file") -> None:
    """Write text atomically; arguments and errors are those of `write_atomic`."""
    write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"), durable, point)


def write_point(name: str) -> None:
    """Mark a place in a sequence of writes; tests interrupt it through ``BENCH_FAULT=kill:NAME`` or ``full:NAME``.

    ``kill`` ends the process as ``kill -9`` does; ``full`` raises what a full disk raises. ``kill:NAME:3`` waits for
    the third time that the process comes by.
    """
    kind, _, rest = os.environ.get(FAULT_VARIABLE, "").partition(":")
    place, _, visit = rest.partition(":")
    if place != name:
        return
    _visits[name] += 1
    if _visits[name] != int(visit or _visits[name]):
        return
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def flush(path: Path) -> None:
    """Wait until the file's contents are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def of_writing(error: OSError) -> bool:
    """Whether only a write can have failed so: reading needs no room."""
    return error.errno in _UNWRITABLE


def explain(error: OSError, path: Path) -> BenchError:
    """Turn an operating system's error about a write into one that says the fix."""
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {path} was not written. Free some space and run the same command again.")
    if error.errno == errno.EFBIG:
        return DiskFull(
            f"{path} is larger than files may be here (ulimit -f). Raise the limit and run the command again."
        )
    if error.errno == errno.ENOENT:
        return UsageError(f"{path} was removed while it was written. Run the same command again.")
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(f"{path} is a longer path than this system takes. Choose a folder with a shorter one.")
    return UsageError(f"Cannot write {path} ({error.strerror}). Choose a folder you may write to.")


def sweep(folder: Path, older_than: float) -> None:
    """Remove temporary files that a killed process left in ``folder``.

    Args:
        older_than: Seconds since the epoch; a newer file may belong to a process that is still writing.
    """
    for stray in folder.glob(f"{_TEMPORARY}*"):
        try:
            if stray.stat().st_mtime < older_than:
                stray.unlink()
        except FileNotFoundError:
            continue  # its writer finished, or another process swept it first
