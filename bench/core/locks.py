"""Locks of the operating system on files that several processes, and machines, share."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.core.atomic import explain
from bench.core.commands import command
from bench.core.errors import UsageError

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def held(file: Path, wait: bool) -> Iterator[bool]:
    """Hold the lock of a file, whose folder is made when missing.

    Args:
        wait: Wait for whoever has it.

    Yields:
        Whether it is held; never False with ``wait``.

    Raises:
        UsageError, DiskFull: The file system gives no locks, or the file cannot be written.
    """
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise explain(error, file) from error
        told = command("doctor", "--results", file.parent)
        raise UsageError(f"Cannot lock {file} ({error.strerror}). `{told}` says why.") from error
    try:
        yield True
    finally:
        lock.release()
