"""Whatever a library raises over one file is one line that names it; photographs with odd EXIF entries are read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from made_images import class_folders, pixels
from made_volumes import dicom, saved, voxels
from PIL import Image, ImageFile

from bench.core.errors import DataError
from bench.data.audit.checks import audit
from bench.data.formats.dicom import read_dicom
from bench.data.formats.images import image_size, read_image, read_map
from bench.data.formats.nifti import read_nifti
from bench.data.formats.orientation import turned_boxes, turned_mask
from bench.datasets.image_folder import ImageFolder

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
ERRORS = [TypeError("bad operand"), struct.error("short"), zlib.error("Error -3"), KeyError(270), AssertionError()]


class Odd(ImageFile.ImageFile):
    """A format whose decoder raises what a test says."""

    format = "ODD"
    error: Exception = TypeError()

    def _open(self) -> None:
        self._mode, self._size = "L", (4, 4)

    def load(self) -> None:  # type: ignore[override]
        raise self.error


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Path]:
    Image.init()
    Image.register_open("ODD", Odd, lambda prefix: prefix.startswith(b"ODD"))
    (tmp_path / "odd.png").write_bytes(b"ODD" + bytes(40))
    yield tmp_path / "odd.png"
    Image.ID.remove("ODD")
    del Image.OPEN["ODD"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("read", [read_image, read_map])
def test_any_exception_names_the_file(odd: Path, error: Exception, read: Callable[[Path], np.ndarray]) -> None:
    Odd.error = error
    with pytest.raises(DataError, match=r"odd\.png"):
        read(odd)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_exception_names_the_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(nib.Nifti1Image, "from_bytes", fail)
    with pytest.raises(DataError, match=r"odd\.nii"):
        read_nifti(saved(tmp_path / "odd.nii", voxels()))
    series = dicom(tmp_path / "series", voxels().astype(np.uint16))
    monkeypatch.setattr(sitk.ImageFileReader, "Execute", fail)
    file = next(series.glob("*.dcm"))
    with pytest.raises(DataError, match=file.name):
        read_image(file)
    with pytest.raises(DataError, match=r"series"):
        read_dicom(series)


@pytest.mark.parametrize("name", ["width_ascii.jpg", "xres_ascii.jpg"])
def test_photographs_with_malformed_entries_are_turned(name: str) -> None:
    file = CASES / "exif" / name
    with Image.open(file) as image:
        expected = np.rot90(np.asarray(image.convert("RGB")), -1)
    assert np.array_equal(read_image(file), expected)
    assert image_size(file) == (32, 24)


@pytest.mark.parametrize("name", ["width_ascii.jpg", "xres_ascii.jpg"])
def test_the_audit_reads_them(root: Path, name: str) -> None:
    class_folders(root / "own")
    (root / "own" / "c0" / name).write_bytes((CASES / "exif" / name).read_bytes())
    report = audit(ImageFolder(path="own"), root)
    assert not [problem for problem in report["problems"] if problem["kind"] == "unreadable"]
    (turned,) = [problem for problem in report["problems"] if problem["detail"] == "EXIF rotation"]
    assert turned["samples"] == (f"c0/{name}",)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_and_pixels_of_every_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    stored, exif = pixels(3), Image.Exif()
    exif[0x0112] = orientation
    plain, file = tmp_path / f"plain.{suffix}", tmp_path / f"turned.{suffix}"
    Image.fromarray(stored).save(plain)
    Image.fromarray(stored).save(file, exif=exif)
    found = read_image(file)
    expected = [turned_mask(channel, orientation) for channel in np.moveaxis(read_image(plain), 2, 0)]
    assert np.array_equal(found, np.stack(expected, axis=2))
    assert image_size(file) == found.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_masks_do(orientation: int) -> None:
    mask = np.zeros((8, 12), dtype=bool)
    mask[1:4, 2:9] = True
    turned = turned_mask(mask, orientation)
    box = turned_boxes(np.array([[2, 1, 9, 4, 7, 1]]), (8, 12), orientation)[0]
    expected = np.zeros_like(turned)
    expected[box[1] : box[3], box[0] : box[2]] = True
    assert np.array_equal(turned, expected)
    assert box[4:].tolist() == [7, 1]
