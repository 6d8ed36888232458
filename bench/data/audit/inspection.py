"""What the audit learns from one sample: can it be read, how is it stored, which pixels does it hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.core.errors import DataError
from bench.data.audit.near_duplicates import thumbnail
from bench.data.base import Dataset, Sample
from bench.data.formats.dicom import is_dicom
from bench.data.formats.intensity import check_finite, to_bytes
from bench.data.formats.orientation import UPRIGHT, orientation_of
from bench.data.formats.reading import reading

if TYPE_CHECKING:
    from pathlib import Path

LARGE_PIXELS = 40_000_000
SMALL_SIDE = 8


@dataclass(frozen=True)
class Inspection:
    """One sample.

    Attributes:
        pixels: sha256 of shape and decoded values, "" when unreadable.
        problem: Why it cannot be read, or "".
        oddities: How it differs from an upright RGB image of usual size, e.g. ("mode CMYK", "EXIF rotation").
        deep: Type, smallest and largest value where they are not bytes; else None.
        small: What near duplicates are found by (`bench.data.audit.near_duplicates.thumbnail`), or None.
    """

    id: str
    pixels: str = ""
    problem: str = ""
    oddities: tuple[str, ...] = ()
    deep: tuple[str, float, float] | None = None
    small: np.ndarray | None = field(default=None, repr=False, compare=False)


def inspect(dataset: Dataset, samples: list[Sample]) -> Iterator[Inspection]:
    """Decode every sample in threads; yield in order."""
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda sample: _inspect(dataset, sample), samples)


def _inspect(dataset: Dataset, sample: Sample) -> Inspection:
    try:
        array = np.ascontiguousarray(dataset.read(sample))
    except DataError as error:
        return Inspection(sample.id, problem=str(error))
    pixels = hashlib.sha256(f"{array.shape}{array.dtype}".encode() + array.tobytes()).hexdigest()
    stored = _stored(sample.path) if dataset.reads_files and sample.path is not None else ()
    problem = _unusable(dataset, sample, array)
    deep = None
    if array.dtype != np.uint8 and not problem:
        deep = str(array.dtype), float(array.min()), float(array.max())
    small = None if problem else thumbnail(array)
    return Inspection(sample.id, pixels, problem, (*stored, *_extent(array.shape)), deep, small)


def _unusable(dataset: Dataset, sample: Sample, array: np.ndarray) -> str:
    """Why what was decoded cannot become bytes, or "". That a rule lacks is told once, with what fits the whole set."""
    try:
        if dataset.intensity:
            to_bytes(array, dataset.intensity, sample.id)
        check_finite(array, sample.id)
    except DataError as error:
        return str(error)
    return ""


def _stored(path: Path) -> tuple[str, ...]:
    """How the file differs from upright RGB; it has just been read, so it opens."""
    if is_dicom(path):
        return ("DICOM",)
    with reading("image", path), Image.open(path) as image:
        found = [] if image.mode == "RGB" else [f"mode {image.mode}"]
        if orientation_of(image) != UPRIGHT:
            found.append("EXIF rotation")
        if getattr(image, "n_frames", 1) > 1:
            found.append("several frames")
    return tuple(found)


def _extent(shape: tuple[int, ...]) -> tuple[str, ...]:
    sides = shape[:2] if shape[-1] == 3 else shape[:3]
    if np.prod(sides, dtype=np.int64) > LARGE_PIXELS:
        return (f"over {LARGE_PIXELS // 1_000_000} megapixels",)
    return (f"a side under {SMALL_SIDE} pixels",) if min(sides) < SMALL_SIDE else ()
