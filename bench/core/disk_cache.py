"""Arrays that are computed once, kept on disk, shared by processes and dropped when they were not used for long.

Decoded samples, frozen features, views of augmented inputs and text features are kept so.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0

from bench.core.atomic import DiskFull, explain, flush, write_point, write_text
from bench.core.errors import UsageError
from bench.core.eviction import evict, size_of
from bench.core.locks import held
from bench.core.sizes import amount

ABOUT = "about.json"  # an entry's identity, for people
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


@dataclass(frozen=True)
class DiskCache:
    """A folder of entries, each a folder of ``.npy`` files.

    Attributes:
        folder: Where they lie; shared by all results folders of a user.
        limit: Bytes. Least recently used entries go before the total passes this; those another process is filling or
            opening stay. An entry that is mapped already stays readable after it has gone.
        setting: What a user changes the limit by, for messages.
    """

    folder: Path
    limit: int
    setting: str

    def fits(self, layouts: Mapping[str, Layout]) -> bool:
        """Whether arrays of this size may be kept at all."""
        return _bytes(layouts) <= self.limit

    def get(
        self, identity: Mapping[str, object], layouts: Mapping[str, Layout], compute: Callable[[], Iterator[Arrays]]
    ) -> Arrays:
        """Return an entry's arrays, memory-mapped and read-only; what is missing is computed in one pass.

        Of processes that race one computes. An array appears when it is whole and on the disk, so that neither a killed
        process nor a power cut leaves half of one.

        Args:
            identity: Everything that decides the bits; the entry's name is its ``name``, for people, and its hash.
            compute: Yields consecutive rows of every array of ``layouts``, from the first to the last.

        Raises:
            DiskFull: The arrays are larger than the disk space that is free, with both numbers.
            UsageError: They are larger than the limit, or cannot be written.
        """
        place = self.folder / _name(identity)
        with held(Path(f"{place}.lock"), wait=True):
            try:
                missing = {name: layout for name, layout in layouts.items() if not _file(place, name).exists()}
                if missing:
                    self._make_room(place, missing)
                    _fill(place, identity, missing, compute)
                    self._evict(place)  # others may have filled theirs meanwhile
                os.utime(place)  # used just now
                return {name: np.load(_file(place, name), mmap_mode="r") for name in layouts}
            except OSError as error:
                raise explain(error, place) from error

    def _make_room(self, place: Path, layouts: Mapping[str, Layout]) -> None:
        """Say before hours of computing that the arrays are too large; else let older entries go."""
        needed = _bytes(layouts)
        if needed > self.limit:
            raise UsageError(
                f"{place} needs {amount(needed)}, more than the limit of {self.limit / 1e9:g} GB. Raise {self.setting}."
            )
        self._evict(place, needed)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DiskFull(
                f"{place.name} needs {amount(needed)}; {self.folder} has {amount(free)} free. "
                "Free some space (`bench cache clear`), or point BENCH_CACHE to another disk."
            )

    def _evict(self, place: Path, coming: int = 0) -> None:
        """Let other entries go until there is room for this one and what is still to come."""
        evict(self.folder, self.limit - coming - size_of(place), keep=place)


def _bytes(layouts: Mapping[str, Layout]) -> int:
    return sum(layout.bytes for layout in layouts.values())


def _name(identity: Mapping[str, object]) -> str:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
    return f"{identity.get('name', 'arrays')}-{digest}"


def _file(place: Path, array: str) -> Path:
    return place / f"{array}.npy"


def _fill(
    place: Path,
    identity: Mapping[str, object],
    layouts: Mapping[str, Layout],
    compute: Callable[[], Iterator[Arrays]],
) -> None:
    """Compute arrays and move them into place; of an entry that stays without arrays nothing is left."""
    place.mkdir(exist_ok=True)
    for stray in place.glob("*.tmp"):
        stray.unlink()  # of a killed process; this one holds the lock
    files = {name: _file(place, name).with_suffix(".tmp") for name in layouts}
    try:
        write_text(place / ABOUT, json.dumps(identity, indent=1, sort_keys=True))
        _write(files, layouts, compute())
        write_point("disk_cache-writing")
        for name, file in files.items():
            _check(file, layouts[name])
            flush(file)
        write_point("disk_cache-written")
        for name, file in files.items():
            file.replace(_file(place, name))
        write_point("disk_cache-placed")
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)
        if not any(place.glob("*.npy")):
            shutil.rmtree(place)


def _write(files: Mapping[str, Path], layouts: Mapping[str, Layout], rows: Iterator[Arrays]) -> None:
    """Write arrays row by row; ordinary writes, so that a full disk is an error."""
    with ExitStack() as opened:
        streams = {name: opened.enter_context(file.open("wb")) for name, file in files.items()}
        for name, stream in streams.items():
            _write_header(stream, layouts[name])
        for part in rows:
            for name, stream in streams.items():
                stream.write(np.ascontiguousarray(part[name], dtype=layouts[name].dtype).data)


def _write_header(stream: BinaryIO, layout: Layout) -> None:
    empty = np.broadcast_to(np.zeros((), dtype=layout.dtype), layout.shape)
    header = header_data_from_array_1_0(empty)
    write_array_header_1_0(stream, {**header, "fortran_order": False, "shape": layout.shape})


def _check(file: Path, layout: Layout) -> None:
    found = np.load(file, mmap_mode="r")
    if found.shape != layout.shape:
        raise ValueError(f"{file.name} holds {found.shape}, not {layout.shape}")
