"""What files hold: TIFF, DICOM, palettes, CMYK, transparency, EXIF orientation, and lists kept in Excel."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from made_images import class_folders, picture, pixels
from PIL import Image

from bench.core.errors import DataError
from bench.data.audit.checks import audit
from bench.data.base import rows_of
from bench.data.formats.extents import pixels as cached_form
from bench.data.formats.images import image_size, read_image
from bench.data.prepare import prepare
from bench.datasets.csv_images import CsvImages
from bench.datasets.image_folder import ImageFolder

RAMP = (np.arange(6 * 7, dtype=np.uint16) * 1500).reshape(6, 7)


def png16(path: Path, colour: np.ndarray) -> Path:
    """Write colour of 16 bits, which Pillow cannot."""
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colour)
    header = struct.pack(">IIBBBBB", colour.shape[1], colour.shape[0], 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(b)) + t + b + struct.pack(">I", zlib.crc32(t + b)) for t, b in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def dicom(path: Path, values: np.ndarray, interpretation: str = "") -> Path:
    """Write one image; an interpretation is put into the finished file, whose stored values stay as they are."""
    image = sitk.GetImageFromArray(values if values.ndim == 3 and values.shape[-1] != 3 else values[None])
    if values.ndim == 3 and values.shape[-1] == 3:
        image = sitk.GetImageFromArray(values[None], isVector=True)
    sitk.WriteImage(image, str(path))
    if interpretation:
        path.write_bytes(path.read_bytes().replace(b"MONOCHROME2 ", f"{interpretation} ".encode()))
    return path


def test_colour_of_sixteen_bits_keeps_its_upper_eight(tmp_path: Path) -> None:
    colour = np.stack([RAMP, RAMP[::-1], RAMP // 2], axis=2)
    assert np.array_equal(read_image(png16(tmp_path / "a.png", colour)), colour >> 8)


def test_a_tiff_of_several_pages_is_refused_and_one_with_smaller_copies_is_not(tmp_path: Path) -> None:
    pages = [Image.fromarray(pixels(number)) for number in range(3)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=r"pages\.tif: it holds 3 pages.*each page into its own file"):
        read_image(tmp_path / "pages.tif")
    copy = pages[0].resize((6, 5))
    copy.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: a smaller copy of another page
    pages[0].save(tmp_path / "pyramid.tif", save_all=True, append_images=[copy])
    with Image.open(tmp_path / "pyramid.tif") as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
    assert np.array_equal(read_image(tmp_path / "pyramid.tif"), pixels(0))


@pytest.mark.parametrize(
    ("mode", "values"), [("I;16", RAMP), ("I", RAMP.astype(np.int32) - 9), ("F", RAMP / np.float32(7))]
)
def test_deep_tiffs_become_bytes_by_the_sets_window(tmp_path: Path, mode: str, values: np.ndarray) -> None:
    for label in "ab":
        for number in range(5):
            (tmp_path / "own" / label).mkdir(parents=True, exist_ok=True)
            deep = values + values.dtype.type(number + (label == "b") * 10)
            Image.fromarray(deep.astype(values.dtype)).save(tmp_path / "own" / label / f"{number}.tif")
    dataset = ImageFolder(path="own", intensity="window[0,61500]")
    sample = next(iter(rows_of(dataset, dataset.samples(tmp_path), tmp_path)))
    with pytest.raises(DataError, match="Set intensity"):
        cached_form(ImageFolder(path="own"), sample)
    expected = np.rint(np.clip(values.astype(float), 0, 61500) / 61500 * 255)
    assert np.array_equal(cached_form(dataset, sample)[..., 0], expected), mode


def test_palettes_cmyk_and_transparency_have_the_colours_one_sees(tmp_path: Path) -> None:
    red = Image.new("RGB", (4, 4), (220, 30, 40))
    red.quantize(8).save(tmp_path / "palette.png")
    assert np.abs(read_image(tmp_path / "palette.png").astype(int) - [220, 30, 40]).max() <= 2
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    assert np.abs(read_image(tmp_path / "cmyk.jpg").astype(int) - [255, 0, 0]).max() <= 4
    Image.new("RGBA", (4, 4), (200, 100, 50, 128)).save(tmp_path / "half.png")
    assert np.abs(read_image(tmp_path / "half.png").astype(int) - [100, 50, 25]).max() <= 1
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 90, 80, 70])
    palette.save(tmp_path / "clear.png", transparency=1)
    assert read_image(tmp_path / "clear.png").max() == 0


def test_orientation_is_honoured_and_part_of_identity(tmp_path: Path) -> None:
    class_folders(tmp_path / "own", each=5)
    before = prepare(ImageFolder(path="own"), tmp_path, 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture(tmp_path / "own" / "c0" / "0.png", 0, exif=exif)  # the same pixels as before
    assert np.array_equal(read_image(turned), np.rot90(pixels(0), -1))
    after = prepare(ImageFolder(path="own"), tmp_path, 0)
    assert (after.identity, after.content) != (before.identity, before.content)
    notes = {problem["detail"] for problem in audit(ImageFolder(path="own"), tmp_path)["problems"]}
    assert "EXIF rotation" in notes


@pytest.mark.parametrize(
    "values", [RAMP, RAMP.astype(np.int16) - 30_000, pixels(1, 6, 7), pixels(2, 6, 7)[..., 0]], ids=str
)
def test_dicom_images_keep_their_values(tmp_path: Path, values: np.ndarray) -> None:
    file = dicom(tmp_path / "a.dcm", values)
    found = read_image(file)
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)
    assert image_size(file) == (6, 7)


def test_large_values_are_bright_whatever_the_file_says(tmp_path: Path) -> None:
    file = dicom(tmp_path / "film.dcm", RAMP, "MONOCHROME1")
    assert np.array_equal(read_image(file), 65535 - RAMP)


def test_dicom_files_in_class_folders_are_images(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(5):
            dicom(tmp_path / "own" / label / f"{number}.dcm", RAMP + np.uint16(number + 20 * (label == "b")))
    dataset = ImageFolder(path="own", intensity="window[0,61500]")
    prepared = prepare(dataset, tmp_path, 0)
    assert sum(prepared.counts.values()) == 10
    sample = next(iter(rows_of(dataset, prepared.table, tmp_path)))
    assert np.array_equal(cached_form(dataset, sample)[..., 0], np.rint(RAMP / 61500 * 255))
    report = audit(dataset, tmp_path)
    assert not [problem for problem in report["problems"] if problem["kind"] == "unreadable"]


def broken(path: Path) -> Path:
    path.write_bytes(b"no DICOM")
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (broken, "Cannot read the DICOM image"),
        (lambda path: path, "No such file"),
        (lambda path: dicom(path, np.stack([RAMP, RAMP])), "holds 2 frames"),
    ],
)
def test_a_dicom_file_that_is_no_image_is_named(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)a\.dcm.*{said}|{said}.*a\.dcm"):
        read_image(make(tmp_path / "a.dcm"))


@pytest.fixture
def excel(tmp_path: Path) -> Path:
    """A data root with 20 images."""
    pytest.importorskip("openpyxl", reason="Excel files need the extra excel")
    for number in range(20):
        picture(tmp_path / "own" / f"{number}.png", number)
    return tmp_path


def sheet() -> pd.DataFrame:
    rows = [{"path": f"{n}.png", "label": n % 2, "group": f"p{n // 2}", "seen": n / 2} for n in range(20)]
    return pd.DataFrame(rows)


def test_a_list_in_excel_is_the_same_list(excel: Path) -> None:
    sheet().to_excel(excel / "own" / "list.xlsx", index=False)
    sheet().to_csv(excel / "own" / "list.csv", index=False)
    one, other = (prepare(CsvImages(path=f"own/list.{kind}", protocol="grouped"), excel, 0) for kind in ("xlsx", "csv"))
    assert one.class_names == ("0", "1")
    pd.testing.assert_frame_equal(one.table, other.table)


def test_excel_lists_that_leave_something_open_are_told(excel: Path) -> None:
    with pd.ExcelWriter(excel / "own" / "two.xlsx") as writer:
        sheet().to_excel(writer, sheet_name="first", index=False)
        sheet()[:10].to_excel(writer, sheet_name="second", index=False)
    with pytest.raises(DataError, match=r"2 worksheets: first, second\. Say which: worksheet=NAME"):
        CsvImages(path="own/two.xlsx").samples(excel)
    assert len(CsvImages(path="own/two.xlsx", worksheet="second").samples(excel)) == 10
    with pytest.raises(DataError, match="no worksheet 'third'"):
        CsvImages(path="own/two.xlsx", worksheet="third").samples(excel)
    (excel / "own" / "bad.xlsx").write_bytes(b"no workbook")
    with pytest.raises(DataError, match=r"Cannot read .*bad\.xlsx"):
        CsvImages(path="own/bad.xlsx").samples(excel)
    gap = sheet()
    gap.loc[3, "label"] = None
    gap.to_excel(excel / "own" / "gap.xlsx", index=False)
    with pytest.raises(DataError, match=r"gap\.xlsx, line 5: label is empty"):
        CsvImages(path="own/gap.xlsx").samples(excel)


def test_old_spreadsheets_are_told_how_to_be_saved(tmp_path: Path) -> None:
    picture(tmp_path / "own" / "0.png", 0)
    (tmp_path / "own" / "list.xls").write_bytes(b"old")
    with pytest.raises(DataError, match=r"save it as \.xlsx or \.csv"):
        CsvImages(path="own/list.xls").samples(tmp_path)
