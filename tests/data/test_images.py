"""Decoding and resizing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from made_images import picture, pixels
from PIL import Image

from bench.core.errors import DataError, UsageError
from bench.data.images import image_size, read_rgb, resized


def test_png_keeps_its_values(tmp_path: Path) -> None:
    assert np.array_equal(read_rgb(picture(tmp_path / "a.png", 1)), pixels(1))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    source = Image.fromarray(pixels(2))
    if mode == "I;16":
        image = Image.fromarray(pixels(2, channels=1)[..., 0].astype(np.uint16) * 257)
    else:
        image = source.convert(mode)
    file = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    image.save(file)
    array = read_rgb(file)
    assert array.shape == (10, 12, 3)
    assert array.dtype == np.uint8


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    values = np.array([[0, 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 255]


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (200, 100, 50, 0)).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").max() == 0


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = picture(tmp_path / "a.png", 3, exif=exif)
    assert np.array_equal(read_rgb(file), np.rot90(pixels(3), -1))
    assert image_size(file) == (12, 10)


def test_the_header_tells_the_size(tmp_path: Path) -> None:
    assert image_size(picture(tmp_path / "a.png", 4)) == (10, 12)


@pytest.mark.parametrize("cut", [0, 30, 200])
def test_a_truncated_file_is_named(tmp_path: Path, cut: int) -> None:
    file = picture(tmp_path / "broken.jpg", 5, height=40, width=40)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"broken\.jpg"):
        read_rgb(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        read_rgb(tmp_path / "gone.png")


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_squash_is_pillows_antialiased_resize(interpolation: str) -> None:
    image = pixels(6, 40, 60)
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    expected = np.asarray(Image.fromarray(image).resize((16, 16), filters[interpolation]))
    assert np.array_equal(resized(image, 16, "squash", interpolation), expected)


def test_crop_equals_resizing_the_shorter_side_then_cutting_out_the_centre() -> None:
    image = pixels(8, 20, 60)
    whole = Image.fromarray(image).resize((30, 10), Image.Resampling.BICUBIC)
    expected = np.asarray(whole.crop((10, 0, 20, 10)))
    assert np.array_equal(resized(image, 10, "crop", "bicubic"), expected)


def test_an_unknown_interpolation_is_refused() -> None:
    with pytest.raises(UsageError, match="bilinear or bicubic"):
        resized(pixels(7), 4, "squash", "lanczos")


def test_a_name_that_is_not_utf8_is_told_in_text_that_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xff.png")
    file.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"caf\\xff\.png") as caught:
        read_rgb(file)
    assert str(caught.value).encode()
