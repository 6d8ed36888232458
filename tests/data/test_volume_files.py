"""Volume files: every way in which one can be wrong, DICOM series, and what headers tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_volumes import SHAPE, SPACING, affine, dicom, image, saved, voxels

from bench.core.errors import DataError
from bench.data.audit.survey import remarks, survey
from bench.data.formats.intensity import Intensity
from bench.data.formats.nifti import is_nifti
from bench.data.formats.volumes import Grid

PLAIN = Grid(contrast=Intensity("none", kept="float16"))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.9999])
def test_half_a_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = saved(tmp_path / f"cut{suffix}", voxels(shape=(31, 29, 33)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"Cannot read the volume .*cut\.nii"):
        Grid().read(path)


def test_a_flipped_bit_in_a_compressed_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "bit.nii.gz", voxels())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"Cannot read the volume .*bit\.nii"):
        Grid().read(path)


def _no_affine(path: Path) -> None:
    made = nib.Nifti1Image(voxels(), None)
    made.header["sform_code"] = made.header["qform_code"] = 0
    nib.save(made, path)


def _sheared(path: Path) -> None:
    matrix = affine()
    matrix[0, 1] = 0.3
    made = nib.Nifti1Image(voxels(), matrix)
    made.set_sform(matrix, code=1)
    nib.save(made, path)


def _with(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda path: nib.save(image(change(voxels())), path)


def _nan(values: np.ndarray) -> np.ndarray:
    values[1, 2, 3] = np.nan
    values[4, 5, 6] = np.inf
    return values


FLAWS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no affine": (_no_affine, "does not say how it is oriented"),
    "sheared": (_sheared, "is sheared"),
    "nan": (_with(_nan), r"holds 2 of \d+ values that are not finite"),
    "4D": (_with(lambda values: np.stack([values] * 5, axis=-1)), "holds 5 volumes"),
    "2D": (_with(lambda values: values[:, :, 0]), "is a single slice"),
    "one slice": (_with(lambda values: values[:, :, :1]), "is a single slice"),
    "constant": (_with(lambda values: np.full_like(values, 7)), "is constant: every voxel is 7"),
    "complex": (_with(lambda values: values.astype(np.complex64)), "not plain numbers"),
    "text": (lambda path: path.write_text("not a volume" * 100), "Cannot read the volume"),
    "empty": (lambda path: path.write_bytes(b""), "Cannot read the volume"),
    "missing": (lambda path: None, "Cannot read the volume"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_has_its_error(tmp_path: Path, flaw: str) -> None:
    write, message = FLAWS[flaw]
    path = tmp_path / "patient7.nii"
    write(path)
    with pytest.raises(DataError, match=rf"patient7\.nii.*{message}|{message}.*patient7\.nii") as caught:
        Grid().read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).endswith(".")
    assert ". " in str(caught.value)


def test_a_trailing_axis_of_one_is_no_fourth_dimension(tmp_path: Path) -> None:
    nib.save(image(voxels()[..., None]), tmp_path / "a.nii")
    assert PLAIN.read(tmp_path / "a.nii").shape == SHAPE[::-1]


def test_headers_scale_values(tmp_path: Path) -> None:
    made = image(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE))
    made.header.set_slope_inter(0.5, -3)
    nib.save(made, tmp_path / "a.nii")
    stored = nib.load(tmp_path / "a.nii")
    read = PLAIN.read(tmp_path / "a.nii")
    assert np.allclose(read, stored.get_fdata().transpose(2, 1, 0), rtol=1e-3)


def test_nifti_2_is_read_like_nifti_1(tmp_path: Path) -> None:
    one = image(voxels())
    nib.save(one, tmp_path / "one.nii")
    nib.save(nib.Nifti2Image.from_image(one), tmp_path / "two.nii.gz")
    assert np.array_equal(Grid().read(tmp_path / "one.nii"), Grid().read(tmp_path / "two.nii.gz"))


def test_a_dicom_series_is_the_nifti_of_the_same_voxels(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16)
    read = Grid(contrast=Intensity("window", 0, 2000)).read(dicom(tmp_path / "series", values))
    # DICOM's x and y axes run left and back
    turned = values[::-1, ::-1].astype(np.float32)
    nifti = Grid(contrast=Intensity("window", 0, 2000)).read(saved(tmp_path / "a.nii", turned.copy()))
    assert np.array_equal(read, nifti)


def test_wrong_dicom_folders(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16)
    dicom(tmp_path / "two", values)
    dicom(tmp_path / "two", values, uid="1.2.3.5")
    with pytest.raises(DataError, match=r"two holds 2 DICOM series\. Put each"):
        Grid().read(tmp_path / "two")
    with pytest.raises(DataError, match=r"gap: slices are not evenly spaced before 1\.2\.3\.4-004\.dcm"):
        Grid().read(dicom(tmp_path / "gap", values, skip=(3,)))
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no DICOM series"):
        Grid().read(tmp_path / "none")
    with pytest.raises(DataError, match="constant"):
        Grid().read(dicom(tmp_path / "flat", np.full_like(values, 5)))
    files = sorted(dicom(tmp_path / "cut", values).iterdir())
    files[4].write_bytes(files[4].read_bytes()[:600])
    with pytest.raises(DataError, match=r"cut"):
        Grid().read(tmp_path / "cut")


def test_the_survey_reads_headers_and_tells_mixtures(tmp_path: Path) -> None:
    saved(tmp_path / "a.nii.gz", voxels())
    saved(tmp_path / "b.nii.gz", voxels(), axes="PSR")
    saved(tmp_path / "c.nii.gz", voxels().astype(np.int16), affine((1, 1, 1)))
    _with(lambda values: np.stack([values] * 4, axis=-1))(tmp_path / "d.nii.gz")
    found = survey({name: tmp_path / f"{name}.nii.gz" for name in "abcd"})
    assert [header.orientation for header in found[:3]] == ["RAS", "PSR", "RAS"]
    assert found[0].spacing == found[1].spacing == pytest.approx(SPACING, abs=1e-6)
    lines = remarks(found)
    assert any(line.startswith("2 voxel spacings (mm): 0.7 x 1.3 x 2.1 (2)") for line in lines)
    assert any(line.startswith("2 orientations: RAS (2), PSR (1)") for line in lines)
    assert any(line.startswith("2 types of number") for line in lines)
    assert any("d.nii.gz holds 4 volumes" in line for line in lines)
    assert remarks(found[:1]) == []


def test_the_survey_reads_no_voxel(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", voxels(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:2000])
    assert survey({"a": path})[0].problem == ""


@pytest.mark.parametrize(("name", "expected"), [("a.nii", True), ("a.NII.GZ", True), ("a.gz", False), ("a.png", False)])
def test_names_of_nifti_files(name: str, expected: bool) -> None:
    assert is_nifti(name) == expected
