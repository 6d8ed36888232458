"""Whether a folder's file system keeps locks: found out with a second process, and from how it is mounted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

OTHER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""
COMMAND = (sys.executable, "-c", OTHER)
LOCAL = ("nolock", "local_lock=flock", "local_lock=all", "localflock")  # of NFS and Lustre
WAIT = 5.0  # seconds after which a dead process's lock must be free; a server may need a moment
Lock = Callable[..., AbstractContextManager[object]]


def lock_problem(folder: Path, lock: Lock = FileLock, other: Sequence[str] = COMMAND, wait: float = WAIT) -> str:
    """What is wrong with locks between two processes of this machine in a folder, or nothing.

    Args:
        lock: Makes the lock of a file; entered, it holds it, or raises `filelock.Timeout`.
        other: Command of a process that locks the file it is given, says so in a line, and keeps the lock.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-", ignore_cleanup_errors=True) as place:
        file = Path(place) / "lock"
        with subprocess.Popen(
            [*other, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            if not process.stdout.readline():
                why = (process.stderr.read().strip() or "it said nothing").splitlines()[-1]
                return f"gives no file locks ({why})"
            excluded = not _free(lock, file, 0)
            process.kill()
        if not excluded:
            return "gives file locks that do not exclude: two processes held one at the same time"
        if not _free(lock, file, wait):
            return "keeps the file locks of processes that have died: a killed run would block the next"
    return ""


def _free(lock: Lock, file: Path, wait: float) -> bool:
    try:
        with lock(file, timeout=wait):
            return True
    except Timeout:
        return False


def local_locks(folder: Path, mounts: str) -> str:
    """How the file system of a folder is mounted, if that keeps locks from other machines; else nothing.

    Args:
        mounts: The text of ``/proc/mounts``.
    """
    place, found = str(folder.resolve()), ("", "", "")
    for line in mounts.splitlines():
        _, point, kind, options, *_ = line.split(" ")
        point = point.encode().decode("unicode_escape")  # a blank is \\040 there
        if (place + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found[0]):
            found = (point, kind, options)
    point, kind, options = found
    told = [option for option in options.split(",") if option in LOCAL] if kind.startswith(("nfs", "lustre")) else []
    return f"{point} is mounted as {kind} with {', '.join(told)}" if told else ""


def mounts_here() -> str:
    """The mounts of this machine, as far as it tells."""
    table = Path("/proc/mounts")
    return table.read_text() if os.access(table, os.R_OK) else ""
