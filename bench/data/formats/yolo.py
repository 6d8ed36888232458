"""Boxes in YOLO's text files: one file an image, one line a box, in shares of the image as it is seen upright."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
import yaml  # type: ignore[import-untyped]

from bench.core.errors import DataError
from bench.data.formats.annotated import IMAGES
from bench.data.formats.boxes import WIDTH
from bench.data.formats.folders import printable, walk

NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names")
LABELS = "labels"  # the folder


def label_of(image: Path) -> Path | None:
    """The label file of an image: beside it, or where a folder ``labels`` stands for ``images``; None: it has none."""
    beside, parts = image.with_suffix(".txt"), image.parts
    places = [number for number, part in enumerate(parts[:-1]) if part.lower() in IMAGES]
    swapped = [Path(*parts[:at], LABELS, *parts[at + 1 :]).with_suffix(".txt") for at in reversed(places)]
    return next((file for file in (*swapped, beside) if file.is_file()), None)


def check_labels(place: Path, images: Iterable[str], claimed: set[str]) -> None:
    """Check that label files belong to images, and that there are some.

    Args:
        images: Paths below ``place``.
        claimed: Paths of the label files that images have.

    Raises:
        DataError: A text file in a folder ``labels`` is no image's, or no image has a label file.
    """
    labels = [path for path in walk(place) if path.endswith(".txt") and LABELS in PurePosixPath(path).parts[:-1]]
    if strays := [path for path in labels if path not in claimed and PurePosixPath(path).name not in NAMES]:
        raise DataError(
            f"{len(strays)} label files in {printable(place)} belong to no image, e.g. {printable(strays[0])}. "
            "Restore the images, or remove them."
        )
    if not claimed and any(images):
        raise DataError(
            f"No image in {printable(place)} has a label file, such as labels/NAME.txt beside images/NAME.jpg. "
            "Put them there, or name another format."
        )


def yolo_classes(place: Path) -> tuple[str, ...]:
    """The names that ``data.yaml`` or ``classes.txt`` gives, in the order of their numbers.

    Raises:
        DataError: There is no such file, or it names no classes.
    """
    file = next((place / name for name in NAMES if (place / name).is_file()), None)
    if file is None:
        raise DataError(
            f"{printable(place)} has no {NAMES[0]} and no {NAMES[4]}, which name the classes. "
            f"Write {NAMES[4]}: a name a line, in the order of their numbers."
        )
    try:
        text = file.read_text(encoding="utf-8")
        names = _named(yaml.safe_load(text)) if file.suffix in (".yaml", ".yml") else text.splitlines()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"Cannot read the classes in {printable(file)}: {error}.") from error
    found = tuple(str(name).strip() for name in names if str(name).strip())
    if not found or len(set(found)) < len(found):
        raise DataError(f"{printable(file)} names no classes, or one twice. Name each once, in their numbers' order.")
    return found


def _named(content: object) -> list[object]:
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise ValueError("the keys of `names` are not 0, 1, 2, ...")
        return [names[number] for number in range(len(names))]
    if not isinstance(names, list):
        raise ValueError("it has no list `names`")
    return names


def read_yolo(file: Path, extent: tuple[int, int]) -> np.ndarray:
    """The boxes (k, 6) of a label file, in pixels; lines of polygons give the box around them.

    Args:
        extent: Height and width of the image, as it is seen upright.

    Raises:
        DataError: A line is neither a class with a box nor one with a polygon; the message names it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read the labels {printable(file)}: {error}. Restore the file.") from error
    rows = [_box(line.split(), f"{printable(file)}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    boxes = np.array(rows, dtype=np.float64).reshape(-1, WIDTH)
    boxes[:, :4] *= np.array(extent[::-1] * 2)
    return boxes.astype(np.float32)


def _box(values: list[str], where: str) -> list[float]:
    """Left, top, right, bottom as shares, the class, and 0."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    polygon = len(numbers) >= 7 and len(numbers) % 2 == 1
    if not (len(numbers) == 5 or polygon) or not np.isfinite(numbers).all() or numbers[0] % 1 or numbers[0] < 0:
        raise DataError(f"{where} is no class number with a box of four shares of the image. Repair it.")
    if max(abs(number) for number in numbers[1:]) > 2:
        raise DataError(f"{where} holds pixels; YOLO's numbers are shares of the image, from 0 to 1. Divide them.")
    if polygon:
        xs, ys = numbers[1::2], numbers[2::2]
        return [min(xs), min(ys), max(xs), max(ys), numbers[0], 0.0]
    label, x, y, width, height = numbers
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2, label, 0.0]
