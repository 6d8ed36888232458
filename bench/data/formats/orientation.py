"""How a photograph is turned by its EXIF entry, and how boxes and masks of its stored pixels turn with it."""

from __future__ import annotations

import numpy as np
from PIL import Image

_ENTRY = 0x0112
UPRIGHT = 1
_METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # height and width change places, after what is mirrored
_MIRRORED_X, _MIRRORED_Y = (2, 3, 7, 8), (3, 4, 6, 7)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where the entry is missing or says nothing that is known."""
    entry = image.getexif().get(_ENTRY, UPRIGHT)
    return entry if isinstance(entry, int) and entry in _METHODS else UPRIGHT


def upright(image: Image.Image) -> Image.Image:
    """The photograph as it is meant to be seen.

    Pillow's `exif_transpose` also writes the other entries anew, which fails where one of them is malformed.
    """
    method = _METHODS.get(orientation_of(image))
    return image if method is None else image.transpose(method)


def turned_mask(mask: np.ndarray, orientation: int) -> np.ndarray:
    """A mask or map (H, W) of the stored pixels as it lies on the photograph seen upright."""
    method = _METHODS.get(orientation)
    return mask if method is None else np.asarray(Image.fromarray(mask).transpose(method))


def turned_boxes(boxes: np.ndarray, extent: tuple[int, int], orientation: int) -> np.ndarray:
    """Boxes (k, 4 or more) of the stored pixels, on the photograph seen upright.

    Args:
        extent: Height and width as stored.
    """
    height, width = extent
    left, top, right, bottom = boxes[:, :4].T
    if orientation in _MIRRORED_X:
        left, right = width - right, width - left
    if orientation in _MIRRORED_Y:
        top, bottom = height - bottom, height - top
    corners = (top, left, bottom, right) if orientation in SIDEWAYS else (left, top, right, bottom)
    return np.column_stack([*corners, boxes[:, 4:]]).astype(boxes.dtype)
