"""Where a cell's files lie below a results folder, and their arrays on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import numpy as np

from bench.cells.cell import parsed
from bench.core.npz import Damaged, read_npz

_SAFE = "[]=,+-_."  # with letters and digits: what a path component keeps as it is
_LONGEST = 180  # bytes; file systems allow 255, and a suffix and a temporary name come on top


@lru_cache(maxsize=1 << 16)
def address(cell: str) -> str:
    """The path of a cell's record below the results folder; planning asks for each several times."""
    return place(cell) + ".json"


def place(cell: str) -> str:
    """The path of what belongs to a cell, below a folder of such things."""
    return "/".join(component(part) for part in parsed(cell).parts())


def component(part: str) -> str:
    """One part of a canonical name as a file name: unusual characters percent-encoded, long names hashed."""
    name = quote(part, safe=_SAFE)
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 17]}~{hashlib.sha256(part.encode()).hexdigest()[:16]}"
    return name


def digest(arrays: dict[str, np.ndarray]) -> str:
    """sha256 of the arrays' names, types, shapes and contents: equal predictions, equal digest."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.hasobject:
            raise ValueError(f"predictions {name!r} hold Python objects; give ids as a str array")
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def addresses(folder: Path, depth: int) -> Iterator[Path]:
    """Record files below ``folder``; hidden folders (locks, caches, checkpoints) are not results."""
    if not folder.is_dir():
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if depth and entry.is_dir() and not entry.name.startswith("."):
            yield from addresses(Path(entry.path), depth - 1)
        elif not depth and entry.name.startswith("seed=") and entry.name.endswith(".json"):
            yield Path(entry.path)


def save(place: Path, arrays: dict[str, np.ndarray]) -> None:
    with place.open("wb") as file:  # given a name, numpy would append .npz
        np.savez_compressed(file, allow_pickle=False, **arrays)


def loaded(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays of an npz, or None when it is missing or damaged (the caller compares digests)."""
    try:
        return read_npz(file)
    except Damaged:
        return None


def arrays_file(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".npz")


def waiting_file(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".npz.new")


def failed_file(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".json") + ".failed.json")


def weights_beside(path: Path) -> Path:
    """Where the weights of a record's model lie, if they were kept."""
    return path.with_name(path.name.removesuffix(".json") + ".safetensors")
