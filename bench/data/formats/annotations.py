"""What can be wrong with targets that lie with the samples: sizes, classes, boxes without area or outside, nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.core.errors import DataError
from bench.data.base import Dataset, Sample
from bench.data.formats.extents import extent_of, is_image
from bench.data.formats.written_for import check_turned, exchanged

NAMED = 3  # annotations of a sample that are left out, each with its reason; the others are counted
IGNORED = 255  # the class of a label map that counts nowhere


@dataclass(frozen=True)
class Flaw:
    """One finding.

    Attributes:
        kind: "annotation" (it cannot be used as it is), "outside", "left_out" or "unannotated".
        fatal: Training would stop at it; otherwise it is dealt with, and worth knowing.
        detail: What was found.
        sample: Its id.
        count: How many annotations of the sample it concerns.
    """

    kind: str
    fatal: bool
    detail: str
    sample: str
    count: int = 1


def flaws(dataset: Dataset, samples: Iterable[Sample], classes: int) -> Iterator[Flaw]:
    """Look at the targets of samples; nothing where they stand in the table.

    Args:
        classes: The number of classes.
    """
    if dataset.task_plugin.target == "table":
        return
    for sample in samples:
        try:
            yield from _flaws(dataset, sample, classes)
        except DataError as error:
            yield Flaw("annotation", True, str(error), sample.id)


def check_classes(dataset: Dataset, target: np.ndarray, classes: int, name: str) -> None:
    """Raise DataError when a target names a class that the data set does not have."""
    check_numbers(dataset.task_plugin.classes_of(target), classes, name)


def check_numbers(present: np.ndarray, classes: int, name: str) -> None:
    """Raise DataError when one of the class numbers (k,) of a sample's target is none of the data set's."""
    unknown = present[(present < 0) | (present >= classes)]
    if len(unknown) and not classes:
        raise DataError(
            f"{name} names the class {unknown[0]:g}, but the data set names none. List them in its `classes`."
        )
    if len(unknown):
        raise DataError(f"{name} names the class {unknown[0]:g}, but there are {classes}, from 0. Repair it.")


def check_extent(target: np.ndarray, extent: tuple[int, ...], name: str) -> None:
    """Raise DataError when a label map is not of its input's size."""
    if target.shape != extent:
        hint = exchanged(target.shape, extent)
        raise DataError(f"The label map of {name} is {target.shape}, but its input is {extent}. Repair it.{hint}")


def check_map(dataset: Dataset, target: np.ndarray, sample: Sample, extent: tuple[int, ...]) -> None:
    """Raise DataError when a label map does not lie on its input, or nobody can tell because EXIF turns the input.

    Args:
        extent: The input's shape without channels.
    """
    check_extent(target, extent, sample.id)
    if dataset.reads_files and sample.path is not None:
        check_turned(sample.path, sample.target)


def spatial(extent: tuple[int, ...]) -> tuple[int, ...]:
    """An input's shape without its channels."""
    return extent[:-1] if is_image(extent) or len(extent) == 4 else extent


def _flaws(dataset: Dataset, sample: Sample, classes: int) -> Iterator[Flaw]:
    target, extent = dataset.read_target(sample), spatial(extent_of(dataset, sample))
    check_classes(dataset, target, classes, sample.id)
    if dataset.task_plugin.target == "map":
        check_map(dataset, target, sample, extent)
        empty = not ((target != 0) & (target != IGNORED)).any()
    else:
        yield from _outside(target, extent, sample.id)
        empty = not len(target)
    if empty:
        yield Flaw("unannotated", False, "samples without any object", sample.id)
    if lines := dataset.left_out(sample):
        more = f"; and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
        yield Flaw("left_out", False, "; ".join(lines[:NAMED]) + more, sample.id, len(lines))


def _outside(boxes: np.ndarray, extent: tuple[int, ...], name: str) -> Iterator[Flaw]:
    height, width = extent
    left, top, right, bottom = boxes[:, :4].T if len(boxes) else np.zeros((4, 0))
    if ((left >= width) | (right <= 0) | (top >= height) | (bottom <= 0)).any():
        yield Flaw("annotation", True, f"{name} has a box outside of its image ({width} x {height}). Repair it.", name)
    elif ((left < 0) | (top < 0) | (right > width) | (bottom > height)).any():
        yield Flaw("outside", False, "boxes that reach over the border, cut there", name)
