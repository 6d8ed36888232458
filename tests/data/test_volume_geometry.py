"""What headers say of lengths, directions and grey values of volumes, against SimpleITK and known arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from made_volumes import SHAPE, SPACING, affine, dicom, image, saved, voxels
from raw_dicom import write_slice

from bench.core.errors import DataError
from bench.data.audit.survey import remarks, survey
from bench.data.formats.dicom import read_dicom
from bench.data.formats.intensity import Intensity
from bench.data.formats.nifti import read_label_map, read_nifti
from bench.data.formats.volumes import Grid

MILLIMETRES = {"unknown": 1.0, "meter": 1000.0, "mm": 1.0, "micron": 0.001}


def in_unit(path: Path, unit: str, kind: type = nib.Nifti1Image) -> Path:
    """The same volume, with its lengths written in one unit."""
    matrix = affine()
    matrix[:3] /= MILLIMETRES[unit]
    made = kind(voxels(), matrix)
    made.set_sform(matrix, code=1)
    made.header.set_xyzt_units(unit, "sec")
    nib.save(made, path)
    return path


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("unit", MILLIMETRES)
def test_the_unit_of_a_header_counts(tmp_path: Path, unit: str, kind: type) -> None:
    path = in_unit(tmp_path / f"{unit}.nii.gz", unit, kind)
    assert read_nifti(path).spacing == pytest.approx(SPACING, rel=1e-5)
    if kind is nib.Nifti1Image:  # SimpleITK reads no other
        assert read_nifti(path).spacing == pytest.approx(sitk.ReadImage(str(path)).GetSpacing(), rel=1e-5)
    assert survey({"a": path})[0].spacing == pytest.approx(SPACING, rel=1e-5)


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_grids_are_the_same_in_every_unit(tmp_path: Path, unit: str) -> None:
    grid = Grid(spacing=(2.0, 2.0, 2.0), shape=(10, 8, 6))
    expected = grid.read(in_unit(tmp_path / "mm.nii", "mm"))
    assert np.abs(grid.read(in_unit(tmp_path / "a.nii", unit)).astype(int) - expected).max() <= 1
    assert len(np.unique(expected)) > 50


def test_a_unit_that_is_none_is_refused(tmp_path: Path) -> None:
    made = image(voxels())
    made.header["xyzt_units"] = 5
    nib.save(made, tmp_path / "a.nii")
    with pytest.raises(DataError, match="code 5"):
        Grid().read(tmp_path / "a.nii")


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 15.0), (200.0, 1.0, 1.0), (2e-4, 1e-3, 1e-3), (1e-12, 1.0, 1.0)])
def test_a_spacing_that_leaves_nothing_or_too_much_is_refused(
    tmp_path: Path, spacing: tuple[float, float, float]
) -> None:
    path = saved(tmp_path / "a.nii", np.rint(voxels()))
    for read in (Grid(spacing=spacing).read, Grid(spacing=spacing, shape=(8, 8, 8)).read_labels):
        with pytest.raises(DataError, match=r"a\.nii.*9 x 14 x 11 voxels of 2\.1 x 1\.3 x 0\.7 mm"):
            read(path)


def both(path: Path, sform: np.ndarray, qform: np.ndarray) -> Path:
    made = nib.Nifti1Image(voxels(), sform)
    made.set_qform(qform, code=1)
    made.set_sform(sform, code=2)
    nib.save(made, path)
    return path


def test_affines_of_a_header_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    moved, flipped, coarse = affine(), affine() @ np.diag([-1, 1, 1, 1]), affine((0.7, 1.3, 4.2))
    moved[:3, 3] += 40
    files = {
        "same": both(tmp_path / "same.nii", affine(), affine()),
        "moved": both(tmp_path / "moved.nii", affine(), moved),
        "flipped": both(tmp_path / "flipped.nii", affine(), flipped),
        "coarse": both(tmp_path / "coarse.nii", affine(), coarse),
    }
    found = survey(files)
    assert [header.id for header in found if header.contradicts] == ["flipped", "coarse"]
    assert all(read_nifti(path).spacing == pytest.approx(SPACING, abs=1e-6) for path in files.values())
    (line,) = remarks(found)
    assert line.startswith("2 headers whose sform and qform contradict each other")
    assert line.endswith("flipped, coarse")


def test_a_qform_that_is_no_rotation_contradicts_a_good_sform(tmp_path: Path) -> None:
    made = image(voxels())
    made.header["quatern_b"] = made.header["quatern_c"] = 2
    (tmp_path / "a.nii").write_bytes(made.to_bytes())
    assert survey({"a": tmp_path / "a.nii"})[0].contradicts


def stored() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2000, SHAPE)


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [
        (lambda z: 1.0 if z == 0 else 0.5**z, lambda z: 0.0),  # PET: what is empty has slope 1
        (lambda z: 2.0 + z, lambda z: 10.0 * z),
        (lambda z: 1.0, lambda z: -1024.0),
        (lambda z: 0.25 if z % 2 else 3.0, lambda z: -0.5 * z),
    ],
)
def test_each_slice_has_its_own_slope_and_intercept(
    tmp_path: Path, slope: Callable[[int], float], intercept: Callable[[int], float]
) -> None:
    for z in range(SHAPE[2]):
        write_slice(tmp_path / "pet" / f"{z}.dcm", stored()[..., z], z, slope(z), intercept(z))
    read = read_dicom(tmp_path / "pet")
    expected = [stored()[..., z] * slope(z) + intercept(z) for z in range(SHAPE[2])]
    assert np.allclose(read.values, np.stack(expected, axis=-1), rtol=1e-6)
    assert read.values.dtype == np.float32
    assert read.spacing == (2.0, 2.0, 3.0)


def place(x: float, y: float, z: float) -> Mapping[str, str]:
    return {"0020|0032": f"{x}\\{y}\\{z}"}


def turned(*cosines: float) -> Mapping[str, str]:
    return {"0020|0037": "\\".join(str(value) for value in cosines)}


STEP = SPACING[2]
FLAWS: dict[str, tuple[Callable[[int], Mapping[str, str]], str]] = {
    "tilted gantry": (lambda z: {**place(0, 0, STEP * z), **turned(1, 0, 0, 0, 0.9397, 0.342)}, "sheared"),
    "tilted the other way": (lambda z: {**place(0, 0, STEP * z), **turned(1, 0, 0, 0, 0.9848, -0.1736)}, "sheared"),
    "stacked askew": (lambda z: place(0.3 * z, 0, STEP * z), "sheared"),
    "one slice turned": (lambda z: turned(0, 1, 0, -1, 0, 0) if z == 4 else {}, "another orientation"),
    "one slice mirrored": (lambda z: turned(-1, 0, 0, 0, 1, 0) if z == 4 else {}, "another orientation"),
    "one slice aside": (lambda z: place(-3.5 + 9 * (z == 4), 4.25, STEP * z), "not evenly spaced"),
    "growing distance": (lambda z: place(-3.5, 4.25, STEP * z**1.2), "not evenly spaced"),
    "everything twice": (lambda z: place(-3.5, 4.25, STEP * (z // 2)), "lie at the same place"),
    "everything at one place": (lambda z: place(-3.5, 4.25, 0), "lie at the same place"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_series_that_are_no_straight_grid_are_refused(tmp_path: Path, flaw: str) -> None:
    changed, message = FLAWS[flaw]
    with pytest.raises(DataError, match=rf"ct\b.*{message}"):
        read_dicom(dicom(tmp_path / "ct", stored(), changed=changed))


def test_slices_of_another_size_or_pixel_spacing_are_refused(tmp_path: Path) -> None:
    dicom(tmp_path / "size", stored(), skip=(4,))
    dicom(tmp_path / "other", stored()[:-1])
    (tmp_path / "size" / "4.dcm").write_bytes((tmp_path / "other" / "1.2.3.4-004.dcm").read_bytes())
    with pytest.raises(DataError, match="another size"):
        read_dicom(tmp_path / "size")


def test_an_oblique_series_is_read_as_simpleitk_reads_it(tmp_path: Path) -> None:
    """Turned by 30 degrees about x, stacked along its normal: no tilt."""
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    folder = dicom(
        tmp_path / "mr",
        stored(),
        changed=lambda z: {**place(1, -sin * STEP * z, cos * STEP * z), **turned(1, 0, 0, 0, cos, sin)},
    )
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    known = reader.Execute()
    read = read_dicom(folder)
    direction = np.array(known.GetDirection()).reshape(3, 3)
    expected = np.diag([-1, -1, 1]) @ direction * known.GetSpacing()
    assert np.allclose(read.affine[:3, :3], expected, atol=1e-5)
    assert np.array_equal(read.values, sitk.GetArrayFromImage(known).T.astype(np.float32))


def test_label_maps_take_the_unit_too(tmp_path: Path) -> None:
    path = in_unit(tmp_path / "a.nii", "meter")
    made = nib.load(path)
    labels = nib.Nifti1Image((voxels() > 20).astype(np.uint8), made.affine, made.header)
    nib.save(labels, tmp_path / "labels.nii")
    assert read_label_map(tmp_path / "labels.nii").spacing == pytest.approx(SPACING, rel=1e-5)
    grid = Grid(spacing=(2.0, 2.0, 2.0), contrast=Intensity("none", kept="float16"))
    assert grid.read_labels(tmp_path / "labels.nii").shape == grid.read(path).shape
