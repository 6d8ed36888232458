"""Folders of entries that can be computed again: the least recently used go when they take too much room.

An entry is a folder beside its lock file ``NAME.lock``, which a process holds while it fills or opens the entry.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock, Timeout


def evict(folder: Path, limit: int, keep: Path | None = None) -> list[Path]:
    """Remove entries, least recently used (by modification time) first, until the rest takes at most ``limit`` bytes.

    Args:
        keep: An entry that stays, and does not count.

    Returns:
        What was removed; entries that another process holds stay.
    """
    entries = sorted((used, place) for place in folder.iterdir() if place != keep and (used := _last_used(place)))
    sizes = {place: size_of(place) for _, place in entries}
    removed: list[Path] = []
    for _, place in entries:
        if sum(sizes.values()) <= limit:
            break
        if remove(place):
            removed.append(place)
            del sizes[place]
    return removed


def remove(place: Path) -> bool:
    """Remove an entry unless a process holds it; whether it has gone.

    Whoever has its files mapped keeps them. The lock file stays: who waits for it has it open, and would not exclude
    one who makes it anew.
    """
    try:
        with FileLock(f"{place}.lock", timeout=0):
            if place.is_dir():  # unless another process removed it meanwhile
                shutil.rmtree(place)
    except Timeout:
        return False
    return True


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files in a folder; what another process removes meanwhile counts as nothing."""
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(_bytes(file) for file in files)


def _last_used(place: Path) -> float | None:
    """Modification time of an entry; None for files, and for what another process has just removed."""
    try:
        return place.stat().st_mtime if place.is_dir() else None
    except FileNotFoundError:
        return None


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:
        return 0
