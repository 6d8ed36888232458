"""Samples decoded and resized once, kept as one memory-mapped array, shared by all runs.

An array is addressed by what it was made from (bytes of the samples, how they are read), so a changed file or
parameter makes a new one. It is built under a lock and appears only when whole. When all arrays together pass the
limit, those not used for longest go.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.cells.notation import Spec
from bench.core.atomic import explain, write_atomic, write_text
from bench.core.errors import UsageError
from bench.core.eviction import evict
from bench.core.locks import held
from bench.core.sizes import amount
from bench.data.base import Sample, rows_of
from bench.data.formats.readers import Reader, item_bytes
from bench.data.roots import cache_root

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

DEFAULT_LIMIT_GB = 20.0
ARRAY = "array.npy"
_IN_FLIGHT = 256_000_000  # bytes decoded at once; bounds memory
_TRIES = 5


def decoded(
    prepared: Prepared, reader: Reader, quiet: bool = False, limit_gb: float | None = None, folder: Path | None = None
) -> np.ndarray:
    """Return all samples of the table as the reader reads them; built on first use.

    Args:
        prepared: Row i of the result is row i of its table.
        reader: Of inputs or targets; see `bench.data.formats.readers`.
        quiet: No progress bar.
        limit_gb: What all arrays together may take, in GB; None: ``BENCH_CACHE_LIMIT_GB``, else 20.
        folder: Where caches lie; None: `cache_folder`.

    Returns:
        Read-only memory map (n, *reader.shape) of the reader's type; it stays readable after the entry has gone.

    Raises:
        DataError: A sample is corrupt; nothing is left behind.
        UsageError: The array would be larger than the limit or than the free disk space, or cannot be written.
    """
    place = (folder or cache_folder()) / _name(prepared, reader)
    for _ in range(_TRIES):
        _once(place, lambda: _build(prepared, reader, place, quiet, limit_gb))
        try:
            os.utime(place)  # used just now
            return np.load(place / ARRAY, mmap_mode="r")
        except FileNotFoundError:  # another process made room meanwhile
            continue
        except OSError as error:
            raise explain(error, place) from error
    raise UsageError(f"Other runs keep making room in {place.parent}. Raise BENCH_CACHE_LIMIT_GB.")


def cache_folder() -> Path:
    """Where decoded arrays lie."""
    return cache_root() / "decoded"


def _once(place: Path, build: Callable[[], None]) -> None:
    """Build the array at ``place`` unless it is there; of processes that race, one builds."""
    if (place / ARRAY).is_file():
        return
    with held(Path(f"{place}.lock"), wait=True):
        if (place / ARRAY).is_file():
            return
        shutil.rmtree(place, ignore_errors=True)  # what a killed process left; we hold the lock
        try:
            build()
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise


def _name(prepared: Prepared, reader: Reader) -> str:
    """Name of the array: the adapter's name for people, then a hash of everything that decides its bytes."""
    facts = json.dumps([prepared.content, list(reader.shape), reader.dtype, reader.key])
    return f"{prepared.dataset.plugin_name()}-{hashlib.sha256(facts.encode()).hexdigest()[:24]}"


def _build(prepared: Prepared, reader: Reader, place: Path, quiet: bool, limit_gb: float | None) -> None:
    dataset = prepared.dataset
    samples = list(rows_of(dataset, prepared.table, prepared.root))
    shape = (len(samples), *reader.shape)
    make_room(dataset.plugin_name(), len(samples) * item_bytes(reader), place, limit_gb)

    def write(temporary: Path) -> None:
        header = {"descr": np.dtype(reader.dtype).str, "fortran_order": False, "shape": shape}
        with temporary.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for item in _progress(_in_order(reader, samples), len(samples), dataset.plugin_name(), quiet):
                stream.write(np.ascontiguousarray(item).data)

    about = {"dataset": str(Spec(dataset.plugin_name(), dataset.changed())), "shape": shape, "dtype": reader.dtype}
    write_text(place / "about.json", json.dumps({**about, "key": reader.key, "content": prepared.content}))
    write_atomic(place / ARRAY, write, durable=True, point="array")


def make_room(name: str, size_bytes: int, place: Path, limit_gb: float | None = None) -> None:
    """Make room for an array at ``place``: arrays not used for longest go, those being built stay.

    Raises:
        UsageError: It is larger than the limit or than the disk space that is then free, with both numbers and what to
            change.
    """
    limit_gb = _limit_from_environment() if limit_gb is None else limit_gb
    needed = size_bytes / 1e9
    if needed > limit_gb:
        raise UsageError(
            f"The decoded cache of {name} needs {amount(size_bytes)}, more than the limit of {limit_gb:g} GB. "
            "Use a smaller size, or raise BENCH_CACHE_LIMIT_GB."
        )
    evict(place.parent, int(limit_gb * 1e9) - size_bytes, keep=place)
    free = shutil.disk_usage(place.parent).free
    if size_bytes > free:
        raise UsageError(
            f"The decoded cache of {name} needs {amount(size_bytes)}; {place.parent} has {amount(free)} free. "
            "Free some space (`bench cache clear`), or point BENCH_CACHE to another disk."
        )


def _limit_from_environment() -> float:
    text = os.environ.get("BENCH_CACHE_LIMIT_GB", "")
    try:
        return float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        raise UsageError(f"BENCH_CACHE_LIMIT_GB must be a number of GB, not {text!r}.") from None


def _in_order(reader: Reader, samples: list[Sample]) -> Iterator[np.ndarray]:
    """Decode in threads (Pillow releases the interpreter lock), yield in the table's order."""
    chunk = min(256, max(1, _IN_FLIGHT // item_bytes(reader)))
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        for start in range(0, len(samples), chunk):
            yield from pool.map(reader.read, samples[start : start + chunk])


def _progress(items: Iterator[np.ndarray], total: int, name: str, quiet: bool) -> Iterator[np.ndarray]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    silent = quiet or not console.is_terminal
    return iter(track(items, f"decoding {name}", total, console=console, transient=True, disable=silent))
