"""Decoding and resizing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from made_images import picture, pixels
from PIL import Image

from bench.core.errors import DataError, UsageError
from bench.data.formats.images import image_size, read_image, read_map, resized
from bench.data.formats.resampling import boxes, linear, nearest, to_bytes


def test_png_keeps_its_values(tmp_path: Path) -> None:
    assert np.array_equal(read_image(picture(tmp_path / "a.png", 1)), pixels(1))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(pixels(2)).convert(mode)
    file = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    image.save(file)
    array = read_image(file)
    assert array.shape == (10, 12, 3)
    assert array.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.png", np.array([[0, 257, 65535]], dtype=np.uint16)),
        ("a.tif", np.array([[0, 3, 40000]], dtype=np.uint16)),
        ("a.tif", np.array([[-5, 3, 100_000]], dtype=np.int32)),
        ("a.tif", np.array([[0.0, 0.25, 1.0]], dtype=np.float32)),
    ],
)
def test_deep_greyscale_keeps_its_values(tmp_path: Path, name: str, values: np.ndarray) -> None:
    Image.fromarray(values).save(tmp_path / name)
    found = read_image(tmp_path / name)
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (200, 100, 50, 0)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").max() == 0


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = picture(tmp_path / "a.png", 3, exif=exif)
    assert np.array_equal(read_image(file), np.rot90(pixels(3), -1))
    assert image_size(file) == (12, 10)


def test_the_header_tells_the_size(tmp_path: Path) -> None:
    assert image_size(picture(tmp_path / "a.png", 4)) == (10, 12)


@pytest.mark.parametrize("cut", [0, 30, 200])
def test_a_truncated_file_is_named(tmp_path: Path, cut: int) -> None:
    file = picture(tmp_path / "broken.jpg", 5, height=40, width=40)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"broken\.jpg"):
        read_image(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_squash_is_pillows_antialiased_resize(interpolation: str) -> None:
    image = pixels(6, 40, 60)
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    expected = np.asarray(Image.fromarray(image).resize((16, 16), filters[interpolation]))
    assert np.array_equal(resized(image, (16, 16), "squash", interpolation), expected)


def test_crop_equals_resizing_the_shorter_side_then_cutting_out_the_centre() -> None:
    image = pixels(8, 20, 60)
    whole = Image.fromarray(image).resize((30, 10), Image.Resampling.BICUBIC)
    expected = np.asarray(whole.crop((10, 0, 20, 10)))
    assert np.array_equal(resized(image, (10, 10), "crop", "bicubic"), expected)


@pytest.mark.parametrize("shape", [(40, 60), (61, 37), (12, 9), (100, 8)])
@pytest.mark.parametrize("wanted", [(16, 16), (50, 50)])
def test_without_antialiasing_it_is_opencvs_linear_resize(shape: tuple[int, int], wanted: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is only compared with")
    image = pixels(6, *shape)
    expected = cv2.resize(image, wanted[::-1], interpolation=cv2.INTER_LINEAR)
    found = resized(image, wanted, "squash", "bicubic", antialias=False)
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_without_antialiasing_a_fine_pattern_is_not_averaged() -> None:
    """Every fourth row is white: two neighbours see it or not, the antialiased filter sees a quarter of it."""
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[::4] = 255
    smooth, sharp = (resized(stripes, (16, 16), "squash", "bilinear", antialias=a) for a in (True, False))
    assert np.abs(smooth[2:-2].astype(int) - 64).max() <= 4
    assert sharp.max() == 0


@pytest.mark.parametrize(("height", "width"), [(8, 24), (30, 7)])
def test_maps_and_images_are_resized_to_the_same_places(height: int, width: int) -> None:
    """Nearest neighbours as Pillow takes them, squashed and cropped."""
    labels = pixels(3, height, width, channels=1)[..., 0]
    for resize in ("squash", "crop"):
        shown = boxes((height, width), (5, 5), resize)
        (top, tall), (left, wide) = shown
        box = (left, top, left + wide, top + tall)
        expected = np.asarray(Image.fromarray(labels).resize((5, 5), Image.Resampling.NEAREST, box=box))
        assert np.array_equal(nearest(labels, (5, 5), shown), expected)


@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_the_antialiased_filter_for_volumes_is_pillows(resize: str) -> None:
    image = pixels(9, 31, 45)
    shown = boxes(image.shape[:2], (12, 14), resize)
    found = to_bytes(linear(image, (12, 14), shown, antialias=True))
    expected = resized(image, (12, 14), resize, "bilinear")
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_an_unknown_interpolation_is_refused() -> None:
    with pytest.raises(UsageError, match="bilinear or bicubic"):
        resized(pixels(7), (4, 4), "squash", "lanczos")


def test_a_name_that_is_not_utf8_is_told_in_text_that_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"caf\xff.png")
    file.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"caf\\xff\.png") as caught:
        read_image(file)
    assert str(caught.value).encode()


def test_label_maps_are_read_as_stored(tmp_path: Path) -> None:
    labels = pixels(1, 4, 5, channels=1)[..., 0] % 7
    palette = Image.fromarray(labels).convert("P")
    palette.putpalette(list(range(255, -1, -1)) * 3)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(labels).save(tmp_path / "grey.png")
    Image.fromarray(labels.astype(np.uint16) + 1000).save(tmp_path / "deep.png")
    Image.fromarray(pixels(2, 4, 5)).save(tmp_path / "colour.png")
    assert np.array_equal(read_map(tmp_path / "grey.png"), labels)
    assert np.array_equal(read_map(tmp_path / "palette.png"), labels)
    assert np.array_equal(read_map(tmp_path / "deep.png"), labels.astype(int) + 1000)
    with pytest.raises(DataError, match=r"colour\.png is no label map: its mode is RGB"):
        read_map(tmp_path / "colour.png")
