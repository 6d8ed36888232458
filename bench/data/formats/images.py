"""Decoding image files and label maps, and resizing images."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from bench.core.errors import DataError, UsageError
from bench.data.formats import resampling
from bench.data.formats.dicom import dicom_size, is_dicom, read_dicom_image
from bench.data.formats.folders import printable
from bench.data.formats.orientation import SIDEWAYS, UPRIGHT, orientation_of, upright
from bench.data.formats.reading import reading
from bench.data.formats.resampling import Resize

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
PIXEL_LIMIT = 100_000_000  # of one image: as colours 0.3 GB, and three times that while it is converted
LARGE = 10_000_000  # pixels above which images are decoded one by one
_one_by_one = threading.Lock()
_SIXTEEN_BITS = ("PNG", "PPM")  # formats whose mode "I" holds 16 bits
_SUBFILE_TYPE, _COPY_OR_MASK = 254, 0b101  # TIFF's NewSubfileType: a smaller copy of another page, or its mask


def read_image(path: Path) -> np.ndarray:
    """Decode an image file: EXIF rotation applied, grey, palettes and CMYK converted, alpha laid over black.

    Colour of 16 bits keeps its upper 8, as ``intensity=full`` would; of animations the first frame counts. TIFF files
    with several pages are refused, since nobody says which is meant; pages that are smaller copies do not count.
    DICOM files are read by `bench.data.formats.dicom`.

    Returns:
        uint8 (H, W, 3); of deep greyscale (16 or 32 bits, float) the values as stored, (H, W), which the data set's
        intensity rule turns into bytes.

    Raises:
        DataError: The file is missing, truncated, not an image or several; the message names it.
    """
    if is_dicom(path):
        return read_dicom_image(path)
    with reading("image", path), _opened(path) as image:
        return from_pil(image)


def decode_image(data: bytes, name: str) -> np.ndarray:
    """`read_image` of the bytes of an image file that lies inside of another; ``name`` stands in messages.

    Raises:
        DataError: They are no image, a truncated one or several; the message begins with the name.
    """
    with reading("image", Path(name)), _opened(io.BytesIO(data), name) as image:
        return from_pil(image)


@contextmanager
def _opened(path: Path | io.BytesIO, name: str = "") -> Iterator[Image.Image]:
    """An image file, to be decoded inside; many threads decode at once, and large images one after the other.

    Raises:
        DataError: It has more pixels than `PIXEL_LIMIT`.
    """
    with Image.open(path) as image:
        pixels = image.width * image.height
        if pixels > PIXEL_LIMIT:
            raise DataError(
                f"{name or printable(str(path))} has {pixels / 1e6:.0f} million pixels, more than the "
                f"{PIXEL_LIMIT / 1e6:.0f} million that fit into memory. Make it smaller, or cut it into tiles."
            )
        if isinstance(image, TiffImageFile):
            image.filename = ""  # else Pillow maps uncompressed files into memory, by the turned size, and garbles them
        with _one_by_one if pixels > LARGE else nullcontext():
            yield image


def from_pil(image: Image.Image) -> np.ndarray:
    """An image as Pillow holds it, in the form that `read_image` gives.

    Raises:
        ValueError: It has several pages.
    """
    _check_pages(image)
    image.load()
    seen = upright(image)
    return _deep(seen, image.format) if _is_deep(image.mode) else np.asarray(_to_rgb(seen))


def read_map(path: Path) -> np.ndarray:
    """Decode a label map as stored, (H, W): uint8, or int32 where it has more than 8 bits; palettes give their index,
    equal channels the value of one.

    Raises:
        DataError: The file is missing, no image, or has channels that differ; the message names it.
    """
    with reading("label map", path), _opened(path) as image:
        image.load()
        seen = upright(image)
        if seen.mode in ("1", "L", "P"):
            return np.asarray(seen).astype(np.uint8)
        if seen.mode.startswith("I"):
            return np.asarray(seen).astype(np.int32)
        if seen.mode in ("RGB", "RGBA", "LA"):
            channels = np.asarray(seen.convert("RGB"))
            if (channels == channels[..., :1]).all():
                return np.ascontiguousarray(channels[..., 0])
    raise DataError(printable(f"{path} is no label map: its mode is {seen.mode}. Store one class number a pixel."))


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) as `read_image` would give them, from the header alone.

    Raises:
        DataError: The file is missing or not an image; the message names it.
    """
    (height, width), orientation = stored(path)
    return (width, height) if orientation in SIDEWAYS else (height, width)


def stored(path: Path) -> tuple[tuple[int, int], int]:
    """Height and width of an image file as its pixels are stored, and its EXIF orientation, from the header alone.

    Raises:
        DataError: The file is missing or not an image; the message names it.
    """
    if is_dicom(path):
        return dicom_size(path), UPRIGHT
    with reading("image", path), Image.open(path) as image:
        orientation = orientation_of(image)
        turned_already = isinstance(image, TiffImageFile) and orientation in SIDEWAYS
        return image.size if turned_already else (image.height, image.width), orientation


def resized(
    image: np.ndarray, wanted: tuple[int, int], resize: Resize, interpolation: str, antialias: bool = True
) -> np.ndarray:
    """Resize uint8 (H, W, 3) to (*wanted, 3).

    Args:
        image: The decoded image.
        wanted: Height and width of the result in pixels.
        resize: "squash" scales both sides; "crop" scales so that one side fits and cuts out the centre.
        interpolation: "bilinear" or "bicubic", with Pillow's antialiasing.
        antialias: False: bilinear between two neighbours an axis, without antialiasing, whatever ``interpolation``
            says: what OpenCV's ``INTER_LINEAR`` does.

    Raises:
        UsageError: The interpolation is unknown.
    """
    if interpolation not in _FILTERS:
        raise UsageError(f"No interpolation {interpolation!r}; choose bilinear or bicubic.")
    shown = resampling.boxes(image.shape[:2], wanted, resize)
    if not antialias:
        return resampling.to_bytes(resampling.linear(image, wanted, shown, antialias=False))
    (top, height), (left, width) = shown
    # The filter reaches beyond the box, so a crop is resizing the whole image and then cutting out the centre.
    box = None if resize == "squash" else (left, top, left + width, top + height)
    picture = Image.fromarray(image).resize(wanted[::-1], _FILTERS[interpolation], box=box)
    return np.asarray(picture)


def _check_pages(image: Image.Image) -> None:
    if image.format != "TIFF" or getattr(image, "n_frames", 1) == 1:
        return
    here, whole = image.tell(), 0
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        kind = image.tag_v2.get(_SUBFILE_TYPE, 0)  # type: ignore[attr-defined]
        whole += not kind & _COPY_OR_MASK
    image.seek(here)
    if whole > 1:
        raise ValueError(f"it holds {whole} pages, and one image a file is needed; write each page into its own file")


def _is_deep(mode: str) -> bool:
    return mode.startswith("I") or mode == "F"


def _deep(image: Image.Image, source: str | None) -> np.ndarray:
    """Values of an image of more than 8 bits; some versions of Pillow open 16 bits as 32."""
    values = np.asarray(image)
    if image.mode != "F" and (image.mode != "I" or source in _SIXTEEN_BITS):
        return values.astype(np.uint16)
    return values


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
    return image.convert("RGB")
