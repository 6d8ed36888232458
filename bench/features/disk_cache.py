"""Arrays that are computed once, kept on disk, shared by processes and dropped when they were not used for long."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0

from bench.core.atomic import DiskFull, explain, write_point, write_text
from bench.core.eviction import evict, size_of
from bench.core.locks import held
from bench.core.sizes import amount

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Shape, type and so the size of an array that is to be kept."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bytes(self) -> int:
        """Its size."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class DiskCache:
    """A folder of entries, each a folder of ``.npy`` files.

    Args:
        folder: Where they lie; shared by all results folders of a user.
        limit: Bytes. Least recently used entries go when the total passes this; those another process is filling or
            opening stay. An entry that is mapped already stays readable after it has gone.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    def fits(self, layouts: Mapping[str, Layout]) -> bool:
        """Whether arrays of this size may be kept at all."""
        return sum(layout.bytes for layout in layouts.values()) <= self.limit

    def get(
        self, identity: Mapping[str, object], layouts: Mapping[str, Layout], compute: Callable[[], Iterator[Arrays]]
    ) -> Arrays:
        """Return an entry's arrays, memory-mapped; what is missing is computed in one pass.

        Args:
            identity: Everything that decides the bits; the entry's name is its ``name``, for people, and its hash.
            compute: Yields consecutive rows of every array of ``layouts``, from the first to the last.

        Raises:
            DiskFull, UsageError: The arrays cannot be written.
        """
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
        place = self.folder / f"{identity.get('name', 'features')}-{digest}"
        with held(self.folder / f"{place.name}.lock", wait=True):
            try:
                place.mkdir(exist_ok=True)
                missing = {n: layout for n, layout in layouts.items() if not (place / f"{n}.npy").exists()}
                if missing:
                    _check_room(place, missing)
                    _fill(place, missing, compute())
                    write_text(place / "about.json", json.dumps(identity, indent=1, sort_keys=True, default=str))
                os.utime(place)
            except OSError as error:
                raise explain(error, place) from error
            found = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in layouts}
        if missing:
            evict(self.folder, self.limit - size_of(place), keep=place)
        return found


def _check_room(place: Path, layouts: Mapping[str, Layout]) -> None:
    """Say before hours of computing that the disk is too small.

    Raises:
        DiskFull: With both numbers.
    """
    needed, free = sum(layout.bytes for layout in layouts.values()), shutil.disk_usage(place).free
    if needed > free:
        raise DiskFull(
            f"Kept features need {amount(needed)}; {place.parent} has {amount(free)} free. Free some space "
            "(`bench cache clear features`), point BENCH_CACHE to another disk, or lower --cache-gb."
        )


def _fill(place: Path, layouts: Mapping[str, Layout], rows: Iterator[Arrays]) -> None:
    """Write arrays row by row, then move them into place; ordinary writes, so that a full disk is an error."""
    for stray in place.glob("*.tmp"):
        stray.unlink()  # of a killed process; this one holds the lock
    files = {name: (place / f"{name}.tmp").open("wb") for name in layouts}
    try:
        for name, file in files.items():
            _write_header(file, layouts[name])
        for part in rows:
            for name, file in files.items():
                file.write(np.ascontiguousarray(part[name], dtype=layouts[name].dtype).data)
        write_point("disk_cache-writing")
        for name, file in files.items():
            file.close()
            _check(place / f"{name}.tmp", layouts[name])
            os.replace(place / f"{name}.tmp", place / f"{name}.npy")
        write_point("disk_cache-placed")
    finally:
        for name, file in files.items():
            file.close()
            (place / f"{name}.tmp").unlink(missing_ok=True)


def _write_header(file: BinaryIO, layout: Layout) -> None:
    empty = np.broadcast_to(np.zeros((), dtype=layout.dtype), layout.shape)
    header = header_data_from_array_1_0(empty)
    write_array_header_1_0(file, {**header, "fortran_order": False, "shape": layout.shape})


def _check(file: Path, layout: Layout) -> None:
    found = np.load(file, mmap_mode="r")
    if found.shape != layout.shape:
        raise ValueError(f"{file.name} holds {found.shape}, not {layout.shape}")
