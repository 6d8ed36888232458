"""Images decoded and resized once, kept as one memory-mapped uint8 array, shared by all runs.

An array is addressed by what it was made from (bytes of the samples, adapter, size, rule), so a changed file or
parameter makes a new one. It is built under a lock and appears only when whole.
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
import PIL
from filelock import FileLock

from bench.core.atomic import write_atomic, write_text
from bench.core.errors import DataError, UsageError
from bench.data.base import Dataset, Sample, rows_of
from bench.data.identity import samples_identity
from bench.data.images import Resize, image_size, resized
from bench.data.roots import cache_root

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

DEFAULT_LIMIT_GB = 20.0
_ARRAY = "images.npy"
_CHUNK = 256  # images in flight; bounds memory while decoding
_FORMAT = 1  # raise when the meaning of a cached array changes


def decoded(
    prepared: Prepared,
    size: int,
    resize: Resize,
    interpolation: str,
    folder: Path | None = None,
    quiet: bool = False,
    limit_gb: float | None = None,
) -> np.ndarray:
    """Return all images of the table, decoded and resized; built on first use.

    Args:
        prepared: Row i of the result is row i of its table.
        size: Side in pixels.
        resize: "squash" both sides, or shorter side then centre "crop".
        interpolation: "bilinear" or "bicubic", antialiased.
        folder: Where caches lie; None: `cache_folder`.
        quiet: No progress bar.
        limit_gb: Largest array to build, in GB; None: ``BENCH_CACHE_LIMIT_GB``, else 20.

    Returns:
        Read-only memory map, uint8 (n, h, w, 3), with h = w = ``size``; or all images' one native size where that is
        square and smaller, since the device then enlarges them at no loss.

    Raises:
        DataError: An image is corrupt; nothing is left behind.
        UsageError: The array would be larger than the limit or than the free disk space, or samples are volumes.
    """
    place = (folder or cache_folder()) / _key(prepared, size, resize, interpolation)
    _once(place, lambda: _build(prepared, place, size, resize, interpolation, quiet, limit_gb))
    return np.load(place / _ARRAY, mmap_mode="r")


def cache_folder() -> Path:
    """Where decoded arrays lie."""
    return cache_root() / "decoded"


def _once(place: Path, build: Callable[[], None]) -> None:
    """Build the array at ``place`` unless it is there; of processes that race, one builds."""
    if (place / _ARRAY).is_file():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if (place / _ARRAY).is_file():
            return
        shutil.rmtree(place, ignore_errors=True)  # what a killed process left; we hold the lock
        try:
            build()
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise


def _key(prepared: Prepared, size: int, resize: Resize, interpolation: str) -> str:
    """Name of the array: the adapter's name for people, then a hash of everything that decides its bytes."""
    content = samples_identity(prepared.dataset, prepared.table, prepared.hashes)
    facts = [_FORMAT, content, size, resize, interpolation, PIL.__version__]
    return f"{prepared.dataset.plugin_name()}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]}"


def _build(
    prepared: Prepared, place: Path, size: int, resize: Resize, interpolation: str, quiet: bool, limit_gb: float | None
) -> None:
    samples = list(rows_of(prepared.dataset, prepared.table, prepared.root))
    native = _native_side(prepared.dataset, samples, size)
    side = native or size
    shape = (len(samples), side, side, 3)
    check_room(prepared.dataset.plugin_name(), int(np.prod(shape)), place.parent, limit_gb)

    def load(sample: Sample) -> np.ndarray:
        image = read_image(prepared.dataset, sample)
        return image if native else resized(image, size, resize, interpolation)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for image in _progress(_in_order(load, samples), len(samples), prepared.dataset.plugin_name(), quiet):
                stream.write(image.tobytes())

    about = {"shape": shape, "resize": resize, "interpolation": interpolation}
    write_text(place / "about.json", json.dumps(about))
    write_atomic(place / _ARRAY, write, durable=True, point="array")


def read_image(dataset: Dataset, sample: Sample) -> np.ndarray:
    """Read one sample and check that it is an image.

    Raises:
        DataError: It cannot be decoded, or is not uint8 (H, W, 3).
        UsageError: It is a volume.
    """
    image = dataset.read(sample)
    if image.dtype != np.uint8:
        raise DataError(f"{dataset.plugin_name()}: read() gave {image.dtype} for {sample.id}, expected uint8.")
    if image.ndim == 3 and image.shape[-1] == 3:
        return image
    if image.ndim in (3, 4):
        raise UsageError(f"{dataset.plugin_name()}: {sample.id} is a volume {image.shape}, not for image backbones.")
    raise DataError(f"{dataset.plugin_name()}: read() gave shape {image.shape} for {sample.id}, expected (H, W, 3).")


def _native_side(dataset: Dataset, samples: list[Sample], size: int) -> int | None:
    """The side of all images when they are square, equal and smaller than ``size``; else None."""
    side: int | None = None
    for sample in samples:
        height, width = _native_size(dataset, sample)
        if height != width or height >= size or side not in (None, height):
            return None
        side = height
    return side


def _native_size(dataset: Dataset, sample: Sample) -> tuple[int, int]:
    if dataset.reads_files and sample.path is not None:
        return image_size(sample.path)
    height, width = read_image(dataset, sample).shape[:2]
    return height, width


def check_room(name: str, size_bytes: int, place: Path, limit_gb: float | None) -> None:
    """Refuse an array that is larger than the limit or the free disk space.

    Raises:
        UsageError: With both numbers and what to change.
    """
    if limit_gb is None:
        limit_gb = _limit_from_environment()
    needed = size_bytes / 1e9
    if needed > limit_gb:
        raise UsageError(
            f"The decoded cache of {name} needs {needed:.1f} GB, more than the limit of {limit_gb:g} GB. "
            "Use a smaller size, or raise BENCH_CACHE_LIMIT_GB."
        )
    free = shutil.disk_usage(place).free / 1e9
    if needed > free:
        raise UsageError(
            f"The decoded cache of {name} needs {needed:.1f} GB; {place} has {free:.1f} GB free. "
            "Free some space (bench cache clear), or point BENCH_CACHE to another disk."
        )


def _limit_from_environment() -> float:
    text = os.environ.get("BENCH_CACHE_LIMIT_GB", "")
    try:
        return float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        raise UsageError(f"BENCH_CACHE_LIMIT_GB must be a number of GB, not {text!r}.") from None


def _in_order(load, samples: list[Sample]) -> Iterator[np.ndarray]:  # type: ignore[no-untyped-def]
    """Decode in threads (Pillow releases the interpreter lock), yield in the table's order."""
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        for start in range(0, len(samples), _CHUNK):
            yield from pool.map(load, samples[start : start + _CHUNK])


def _progress(images: Iterator[np.ndarray], total: int, name: str, quiet: bool) -> Iterator[np.ndarray]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    silent = quiet or not console.is_terminal
    return iter(track(images, f"decoding {name}", total, console=console, transient=True, disable=silent))
