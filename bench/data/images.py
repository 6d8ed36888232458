"""Decoding image files to uint8 RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from bench.errors import DataError


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
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"Cannot read the image {path}: {error}. Replace the file or restore it from the source.") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        image = Image.fromarray((values / 257.0 if values.max() > 255 else values).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    return image.convert("RGB")
