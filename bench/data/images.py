"""Decoding image files to uint8 RGB, and resizing them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from bench.core.errors import DataError, UsageError
from bench.data.folders import printable

Resize = Literal["squash", "crop"]
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_PROBLEMS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
EXIF_ORIENTATION = 0x0112


def read_rgb(path: Path) -> np.ndarray:
    """Decode an image file to uint8 (H, W, 3): EXIF rotation applied, grey and CMYK converted.

    16-bit greyscale is scaled to 8 bits; alpha is laid over black.

    Raises:
        DataError: The file is missing, truncated or not an image; the message names it.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except _PROBLEMS as error:
        raise _unreadable(path, error) from error


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) as `read_rgb` would give them, from the header alone.

    Raises:
        DataError: The file is missing or not an image; the message names it.
    """
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
            width, height = image.size
    except _PROBLEMS as error:
        raise _unreadable(path, error) from error
    return (width, height) if turned else (height, width)


def resized(image: np.ndarray, size: int, resize: Resize, interpolation: str) -> np.ndarray:
    """Resize uint8 (H, W, 3) to (size, size, 3), antialiased.

    Args:
        image: The decoded image.
        size: Side of the result in pixels.
        resize: "squash" scales both sides; "crop" scales the shorter side and cuts out the centre.
        interpolation: "bilinear" or "bicubic".

    Raises:
        UsageError: The interpolation is unknown.
    """
    if interpolation not in _FILTERS:
        raise UsageError(f"No interpolation {interpolation!r}; choose bilinear or bicubic.")
    height, width = image.shape[:2]
    box = None
    if resize == "crop":
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    # The filter reaches beyond the box, so this is resizing the whole image and then cutting out the centre.
    picture = Image.fromarray(image).resize((size, size), _FILTERS[interpolation], box=box)
    return np.asarray(picture)


def _unreadable(path: Path, error: Exception) -> DataError:
    text = printable(f"Cannot read the image {path}: {error}. Replace the file or restore it from the source.")
    return DataError(text)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        image = Image.fromarray((values / 257.0 if values.max() > 255 else values).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    return image.convert("RGB")
