"""What a model says of one new input, and how boxes and masks are drawn over pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.tasks.inspection import CERTAIN as CERTAIN  # score from which objects are drawn

Outputs = dict[str, np.ndarray]
Box = tuple[float, float, float, float]
_COLOURS = (
    (230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240), (240, 50, 230),
    (210, 245, 60), (250, 190, 212), (0, 128, 128), (170, 110, 40), (128, 128, 0),
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a model says of one new input.

    Attributes:
        name: The input's file.
        outputs: What the task keeps of it, name -> (...), without the axis of samples.
        extent: Height and width (and depth) of the input as it was given.
        shown: (start, length) along each of these axes of the part that the model saw.
    """

    name: str
    outputs: Outputs
    extent: tuple[int, ...]
    shown: tuple[tuple[float, float], ...]

    def in_pixels(self, box: Sequence[float]) -> Box:
        """Left, top, right, bottom in pixels of the input, of a box in shares of what the model saw."""
        (top, height), (left, width) = self.shown
        return left + box[0] * width, top + box[1] * height, left + box[2] * width, top + box[3] * height

    def laid_out(self, values: np.ndarray, outside: int) -> np.ndarray:
        """Values (h, w) of what the model saw, by nearest neighbours on the input's pixels (H, W); else ``outside``."""
        places = []
        for length, side, (start, size) in zip(self.extent, values.shape, self.shown, strict=True):
            at = np.floor((np.arange(length) + 0.5 - start) / size * side).astype(int)
            places.append(at)
        rows, columns = (np.clip(at, 0, side - 1) for at, side in zip(places, values.shape, strict=True))
        inside = [(at >= 0) & (at < side) for at, side in zip(places, values.shape, strict=True)]
        return np.where(np.outer(*inside), values[np.ix_(rows, columns)], outside)


def colour(label: int) -> tuple[int, int, int]:
    """The colour of a class."""
    return _COLOURS[label % len(_COLOURS)]


def with_boxes(picture: np.ndarray, boxes: Iterable[tuple[Box, int, str]]) -> np.ndarray:
    """A picture (H, W, 3) uint8 with boxes in the colours of their classes, each with a text.

    Args:
        boxes: Left, top, right, bottom in pixels; the class's number; the text.
    """
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture).convert("RGB")
    pen, width = ImageDraw.Draw(image), max(1, round(min(image.size) / 200))
    for (left, top, right, bottom), label, text in boxes:
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour(label), width=width)
        pen.text((left + width + 1, top + width), text, fill=colour(label))
    return np.asarray(image)


def with_classes(picture: np.ndarray, labels: np.ndarray, plain: Iterable[int] = (0, 255)) -> np.ndarray:
    """A picture (H, W, 3) uint8 with the pixels of a label map (H, W) tinted by class, but for the ``plain`` ones."""
    tinted = np.array(picture, dtype=np.float32)
    for label in np.unique(labels):
        if int(label) not in plain:
            tinted[labels == label] = 0.5 * tinted[labels == label] + 0.5 * np.array(colour(int(label)))
    return tinted.round().astype(np.uint8)


def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two pictures (H, W, 3) of one size with a white gap between them."""
    gap = np.full((len(left), max(4, left.shape[1] // 50), 3), 255, dtype=np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def coco_file(found: Sequence[Found], names: Sequence[str], objects: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Objects in COCO's form, which ``box_folder[format=coco]`` and labelling tools read.

    Args:
        names: Of the classes, in label order.
        objects: ``image_id`` from 1 in the order of ``found``, ``category_id`` from 1, ``bbox``, ``score``, ...
    """
    return {
        "images": [
            {"id": number, "file_name": one.name, "height": one.extent[0], "width": one.extent[1]}
            for number, one in enumerate(found, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": [{"id": number, "iscrowd": 0, **one} for number, one in enumerate(objects, 1)],
    }
