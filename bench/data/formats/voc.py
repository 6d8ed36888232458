"""Boxes in Pascal VOC's XML files, one file an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from bench.core.errors import DataError, nearest
from bench.data.formats.boxes import WIDTH
from bench.data.formats.folders import printable
from bench.data.formats.orientation import turned_boxes
from bench.data.formats.written_for import written_for


@dataclass(frozen=True)
class VocFile:
    """What one file says.

    Attributes:
        boxes: (k, 6) as `Dataset.read_target` gives them; difficult objects are not judged.
        extent: Height and width of the image; None where the file does not say.
    """

    boxes: np.ndarray
    extent: tuple[int, int] | None


def read_voc(file: Path, classes: Sequence[str], first_pixel: int = 0) -> VocFile:
    """Read the boxes of one image.

    Args:
        classes: Names in label order.
        first_pixel: Number of the first pixel: 1 in Pascal VOC's own files, whose last pixel belongs to the box.

    Raises:
        DataError: The file is no such XML, names an unknown class, or a corner is no number; the message names it.
    """
    name = printable(file)
    try:
        root = _parsed(file)
        boxes = [_box(found, classes, first_pixel, name) for found in root.iter("object")]
        size = root.find("size")
        extent = None if size is None else (int(_text(size, "height")), int(_text(size, "width")))
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise DataError(f"Cannot read the annotation {name}: {error}. Restore it from the source.") from error
    return VocFile(np.array(boxes, dtype=np.float32).reshape(-1, WIDTH), extent)


def voc_classes(files: Iterable[Path]) -> tuple[str, ...]:
    """The names of all classes that some files name, sorted.

    Raises:
        DataError: A file is no such XML; the message names it.
    """
    names: set[str] = set()
    for file in files:
        try:
            names |= {_text(found, "name") for found in _parsed(file).iter("object")}
        except (OSError, ElementTree.ParseError, ValueError) as error:
            raise DataError(f"Cannot read the annotation {printable(file)}: {error}. Repair or remove it.") from error
    return tuple(sorted(names))


def voc_lists(place: Path) -> dict[str, str]:
    """File stem -> the split that Pascal VOC's lists ``ImageSets/Main/{train,val,test}.txt`` put it in.

    Raises:
        DataError: A list cannot be read, or a stem stands in two.
    """
    found: dict[str, str] = {}
    for split in ("train", "val", "test"):
        file = next(iter(sorted(place.glob(f"**/ImageSets/Main/{split}.txt"))), None)
        try:
            stems = file.read_text(encoding="utf-8").split() if file else []
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"Cannot read the list {file}: {error}. Restore it.") from error
        for stem in stems:
            if found.setdefault(stem, split) != split:
                raise DataError(f"{file} names {stem}, which is in {found[stem]} already. Remove it from one list.")
    return found


def boxes_on(photograph: Path, found: VocFile, file: Path) -> np.ndarray:
    """The boxes (k, 6) of an image, as it is seen upright.

    Args:
        photograph: Its file.
        found: What its annotations say.
        file: Theirs, for messages.

    Raises:
        DataError: They were written for an image of another size, or nobody can tell whether EXIF turns them too.
    """
    extent, orientation = written_for(found.extent, photograph, printable(file))
    return turned_boxes(found.boxes, extent, orientation)


def _parsed(file: Path) -> ElementTree.Element:
    """The root of the XML, without namespaces: some tools declare one, which makes every tag another name."""
    root = ElementTree.parse(file).getroot()
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "annotation" and root.find("object") is None:
        raise ValueError(f"its outermost element is {root.tag}, not annotation")
    return root


def _box(found: ElementTree.Element, classes: Sequence[str], first_pixel: int, name: str) -> list[float]:
    label = _text(found, "name")
    if label not in classes:
        raise DataError(f"{name} names the class {label!r}. {nearest(label, classes)} Correct it, or add the class.")
    place = found.find("bndbox")
    if place is None:
        raise ValueError("an object has no bndbox")
    left, top, right, bottom = (float(_text(place, corner)) for corner in ("xmin", "ymin", "xmax", "ymax"))
    difficult = found.findtext("difficult", "0").strip() == "1"
    return [left - first_pixel, top - first_pixel, right, bottom, classes.index(label), float(difficult)]


def _text(element: ElementTree.Element, tag: str) -> str:
    text = element.findtext(tag)
    if text is None:
        raise ValueError(f"an object or the size has no {tag}")
    return text.strip()
