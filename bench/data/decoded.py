"""Samples decoded and resized once, kept as one memory-mapped array, shared by all runs.

An array is addressed by what it was made from (bytes of the samples, how they are read), so a changed file or
parameter makes a new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from bench.core.disk_cache import Arrays, DiskCache, Layout
from bench.core.errors import UsageError
from bench.data.base import Sample, rows_of
from bench.data.formats.readers import Reader, item_bytes
from bench.data.roots import cache_root

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

DEFAULT_LIMIT_GB = 20.0
LIMIT_VARIABLE = "BENCH_CACHE_LIMIT_GB"
_IN_FLIGHT = 256_000_000  # bytes decoded at once; bounds memory


def decoded(prepared: Prepared, reader: Reader, quiet: bool = False, cache: DiskCache | None = None) -> np.ndarray:
    """Return all samples of the table as the reader reads them; built on first use.

    Args:
        prepared: Row i of the result is row i of its table.
        reader: Of inputs or targets; see `bench.data.formats.readers`.
        quiet: No progress bar.
        cache: Where arrays are kept; None: `decoded_cache`.

    Returns:
        Read-only memory map (n, *reader.shape) of the reader's type; it stays readable after the entry has gone.

    Raises:
        DataError: A sample is corrupt; nothing is left behind.
        UsageError, DiskFull: As `DiskCache.get`.
    """
    name, shape = prepared.dataset.plugin_name(), (len(prepared.table), *reader.shape)
    identity = {
        "name": name, "content": prepared.content, "key": reader.key, "shape": list(shape), "dtype": reader.dtype,
    }  # fmt: skip

    def compute() -> Iterator[Arrays]:
        samples = list(rows_of(prepared.dataset, prepared.table, prepared.root))
        for item in _progress(_in_order(reader, samples), len(samples), name, quiet):
            yield {"array": item[None]}

    return (cache or decoded_cache()).get(identity, {"array": Layout(shape, reader.dtype)}, compute)["array"]


def decoded_cache() -> DiskCache:
    """Decoded samples of this user; ``BENCH_CACHE_LIMIT_GB`` says how many GB they may take, else 20.

    Raises:
        UsageError: It is no number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        limit = float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        raise UsageError(f"{LIMIT_VARIABLE} must be a number of GB, not {text!r}.") from None
    return DiskCache(cache_root() / "decoded", int(limit * 1e9), f"{LIMIT_VARIABLE}, or use a smaller size")


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
