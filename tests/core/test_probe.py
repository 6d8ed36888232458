"""What `bench doctor` says of a folder's file locks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import Timeout

from bench.core.probe import local_locks, lock_problem

MOUNTS = """\
/dev/vda1 / ext4 rw,relatime 0 0
server:/a /home nfs4 rw,vers=4.2,local_lock=none 0 0
server:/b /home/old nfs rw,vers=3,nolock,local_lock=all 0 0
server:/c /my\\040data nfs rw,vers=3,local_lock=flock 0 0
disk /scratch lustre rw,localflock 0 0
disk /odd ext4 rw,nolock 0 0
"""
MADE = """
import os, sys
os.mkdir(sys.argv[1] + ".made")
print("held", flush=True)
sys.stdin.read()
"""
NONE = "raise OSError(37, 'No locks available')"


def test_locks_that_are_kept(tmp_path: Path) -> None:
    assert lock_problem(tmp_path) == ""
    assert not list(tmp_path.iterdir())


def test_locks_that_do_not_exclude(tmp_path: Path) -> None:
    @contextmanager
    def granted(file: Path, timeout: float) -> Iterator[None]:
        yield

    assert "do not exclude" in lock_problem(tmp_path, lock=granted)


def test_locks_that_outlive_their_process(tmp_path: Path) -> None:
    """Where the system has no locks at all, something made takes their place, and stays when its maker is killed."""

    @contextmanager
    def made(file: Path, timeout: float) -> Iterator[None]:
        if Path(f"{file}.made").exists():
            raise Timeout(str(file))
        yield

    told = lock_problem(tmp_path, lock=made, other=(sys.executable, "-c", MADE))
    assert "processes that have died" in told


def test_no_locks_at_all(tmp_path: Path) -> None:
    assert "No locks available" in lock_problem(tmp_path, other=(sys.executable, "-c", NONE))


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("/work", ""),
        ("/home/me/runs", ""),
        ("/home/older", ""),
        ("/home/old/runs", "/home/old is mounted as nfs with nolock, local_lock=all"),
        ("/my data/runs", "/my data is mounted as nfs with local_lock=flock"),
        ("/scratch", "/scratch is mounted as lustre with localflock"),
        ("/odd", ""),
    ],
)
def test_mounts_whose_locks_stay_on_one_machine(folder: str, told: str) -> None:
    assert local_locks(Path(folder), MOUNTS) == told
