"""Volumes on one grid: orientation, spacing, shape, contrast, and every way in which a file can be wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from made_volumes import SHAPE, SPACING, affine, dicom, image, saved, voxels

from bench.core.errors import DataError, UsageError
from bench.data.contrast import Contrast
from bench.data.nifti import is_nifti
from bench.data.survey import remarks, survey
from bench.data.volumes import Grid

PLAIN = Grid(contrast=Contrast("none", kept="float16"))
ORIENTATIONS = ("RAS", "LAS", "PSR", "LPI", "SAL", "IRP")


@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_copies_in_other_orientations_give_the_same_bytes(tmp_path: Path, axes: str) -> None:
    grid = Grid(spacing=(1.6, 1.1, 0.9), shape=(12, 10, 8))
    first = grid.read(saved(tmp_path / "a.nii.gz", voxels()))
    other = grid.read(saved(tmp_path / "b.nii.gz", voxels(), axes=axes))
    assert nib.aff2axcodes(nib.load(tmp_path / "b.nii.gz").affine) == tuple(axes)
    assert first.tobytes() == other.tobytes()
    assert len(np.unique(first)) > 50


@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_depth_height_width_are_up_front_right(tmp_path: Path, axes: str) -> None:
    """A bright corner at the right, the back and the top, on a grid with three different sides."""
    values = np.zeros(SHAPE, dtype=np.float32)
    values[-1, 0, -1] = 1
    read = PLAIN.read(saved(tmp_path / "a.nii", values, axes=axes))
    assert read.shape == SHAPE[::-1]
    assert read[-1, 0, -1] == 1
    assert read.sum() == 1


def test_one_axis_is_resampled_and_the_others_are_kept(tmp_path: Path) -> None:
    """Twice the spacing in depth only, against linear interpolation of a ramp along each axis."""
    for axis in range(3):
        ramp = np.arange(SHAPE[axis], dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        path = saved(tmp_path / f"{axis}.nii", np.broadcast_to(ramp, SHAPE).copy())
        fine = [SPACING[2], SPACING[1], SPACING[0]]
        fine[2 - axis] /= 2
        read = Grid(spacing=tuple(fine), contrast=Contrast("none", kept="float16")).read(path)  # type: ignore[arg-type]
        expected = [SHAPE[2], SHAPE[1], SHAPE[0]]
        expected[2 - axis] *= 2
        assert list(read.shape) == expected
        along = np.moveaxis(read, 2 - axis, 0).reshape(expected[2 - axis], -1)
        assert (along.max(1) - along.min(1)).max() < 0.02
        assert np.allclose(np.diff(along[2:-2, 0].astype(float)), 0.5, atol=0.02)


def test_coarser_grids_average_instead_of_picking(tmp_path: Path) -> None:
    """Noise of standard deviation 1, three times coarser in each direction: aliasing would keep it at 1."""
    noise = np.random.default_rng(0).normal(size=(36, 39, 42)).astype(np.float32)
    path = saved(tmp_path / "a.nii", noise, affine((1, 1, 1)))
    read = Grid(spacing=(3, 3, 3), contrast=Contrast("none", kept="float16")).read(path).astype(float)
    assert read.shape == (14, 13, 12)
    assert read[1:-1, 1:-1, 1:-1].std() < 0.35


def test_a_grid_beyond_the_volume_shows_no_false_background(tmp_path: Path) -> None:
    """A bright volume resampled at a spacing that does not divide it: no voxel is darker than the volume."""
    grid = Grid(spacing=(2.3, 0.9, 0.8), contrast=Contrast("none", kept="float16"))
    read = grid.read(saved(tmp_path / "a.nii", voxels() + 500))
    assert read.min() > 490


def test_shape_cuts_and_pads_around_the_middle(tmp_path: Path) -> None:
    values = voxels() + 100
    read = Grid(shape=(5, 20, 11), contrast=Contrast("window", 0, 255)).read(saved(tmp_path / "a.nii", values))
    whole = Grid(contrast=Contrast("window", 0, 255)).read(tmp_path / "a.nii")
    assert read.shape == (5, 20, 11)
    assert np.array_equal(read[:, 3:17], whole[2:7])
    assert read[:, :3].max() == 0
    assert read[:, 17:].max() == 0


def test_percentiles_of_the_stored_volume(tmp_path: Path) -> None:
    values = voxels()
    read = Grid(contrast=Contrast("percentile", 5, 90)).read(saved(tmp_path / "a.nii", values))
    low, high = np.percentile(values, (5, 90))
    expected = np.rint(np.clip((values.transpose(2, 1, 0) - low) / (high - low), 0, 1) * 255)
    assert np.abs(read.astype(int) - expected).max() <= 1
    padded = Grid(shape=(30, 30, 30), contrast=Contrast("percentile", 5, 90)).read(tmp_path / "a.nii")
    assert (np.sort(padded[padded > 0])[::-1] == np.sort(read[read > 0])[::-1]).all()


@pytest.mark.parametrize(("kept", "dtype"), [("uint8", np.uint8), ("float16", np.float16)])
def test_a_fixed_window_is_the_same_for_every_volume(tmp_path: Path, kept: str, dtype: type) -> None:
    grid = Grid(contrast=Contrast("window", 10, 30, kept))  # type: ignore[arg-type]
    for factor in (1, 3):
        values = voxels() * factor
        read = grid.read(saved(tmp_path / f"{factor}.nii", values))
        assert read.dtype == dtype
        unit = np.clip((values.transpose(2, 1, 0).astype(float) - 10) / 20, 0, 1)
        assert np.allclose(read / (255 if kept == "uint8" else 1), unit, atol=0.5 / 255 + 1e-6)


def test_uint8_files_are_resampled_without_truncation(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    path = saved(tmp_path / "a.nii.gz", values)
    fine = (SPACING[2] / 2, SPACING[1] / 2, SPACING[0] / 2)
    read = Grid(spacing=fine, contrast=Contrast("none")).read(path)
    exact = Grid(spacing=fine, contrast=Contrast("none", kept="float16")).read(path)
    assert read.dtype == np.uint8
    assert abs(float(read.mean() - exact.astype(float).mean())) < 0.05


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rule": "window", "low": 5, "high": 5}, "low must be below high"),
        ({"rule": "percentile", "low": -1, "high": 50}, r"0\.\.100"),
    ],
)
def test_rules_that_cannot_be(fields: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Contrast(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("percentile[0.5,99.5]", Contrast()),
        ("window[-160,240]", Contrast("window", -160, 240)),
        ("window[0,1e3]", Contrast("window", 0, 1000)),
        ("none", Contrast("none")),
    ],
)
def test_rules_are_written_as_text(text: str, expected: Contrast) -> None:
    assert Contrast.parse(text).identity() == expected.identity()


@pytest.mark.parametrize("text", ["", "percentile", "window[1]", "window[2,1]", "full", "window[a,b]"])
def test_other_texts_are_no_rule(text: str) -> None:
    with pytest.raises(UsageError, match="contrast"):
        Contrast.parse(text)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "ct.nii", voxels() * 100 - 1000)
    with pytest.raises(DataError, match=r"ct\.nii: intensities .* do not fit uint8\. Use contrast=window"):
        Grid(contrast=Contrast("none")).read(path)
    sparse = np.zeros(SHAPE, dtype=np.float32)
    sparse[0, 0, 0] = 1
    with pytest.raises(DataError, match=r"sparse\.nii: its percentiles .* Use contrast=window"):
        Grid().read(saved(tmp_path / "sparse.nii", sparse))


def test_label_maps_keep_their_labels(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).choice(np.array([0, 3, 260], dtype=np.int16), SHAPE)
    grid = Grid(spacing=(1.0, 1.0, 1.0), shape=(24, 10, 10))
    first = grid.read_labels(saved(tmp_path / "a.nii", labels))
    assert set(np.unique(first)) == {0, 3, 260}
    for axes in ORIENTATIONS:
        assert np.array_equal(grid.read_labels(saved(tmp_path / "b.nii", labels, axes=axes)), first)
    assert Grid().read_labels(saved(tmp_path / "zero.nii", np.zeros(SHAPE, dtype=np.int16))).max() == 0
    with pytest.raises(DataError, match="not whole"):
        grid.read_labels(saved(tmp_path / "c.nii", voxels()))


def test_label_maps_lie_on_the_voxels_of_their_image(tmp_path: Path) -> None:
    bright = voxels() > 25
    grid = Grid(spacing=(1.5, 1.5, 1.5), shape=(14, 9, 6), contrast=Contrast("window", 0, 1))
    seen = grid.read(saved(tmp_path / "image.nii", bright.astype(np.float32))) > 127
    labels = grid.read_labels(saved(tmp_path / "labels.nii", bright.astype(np.int16), axes="PSR")) > 0
    assert (seen == labels).mean() > 0.9


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.9999])
def test_half_a_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = saved(tmp_path / f"cut{suffix}", voxels(shape=(31, 29, 33)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"Cannot read the volume .*cut\.nii.*Replace the file"):
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
    "nan": (_with(_nan), "holds 2 voxels that are not finite"),
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
    read = Grid(contrast=Contrast("window", 0, 2000)).read(dicom(tmp_path / "series", values))
    # DICOM's x and y axes run left and back
    turned = values[::-1, ::-1].astype(np.float32)
    nifti = Grid(contrast=Contrast("window", 0, 2000)).read(saved(tmp_path / "a.nii", turned.copy()))
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


def test_reading_changes_no_generator(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", voxels(), axes="LPI")
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    Grid(spacing=(1, 1, 1), shape=(9, 9, 9)).read(path)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]


def test_identity_names_everything_that_decides_the_bytes() -> None:
    base = Grid(spacing=(1, 1, 1), shape=(8, 8, 8))
    others = [
        Grid(spacing=(1, 1, 2), shape=(8, 8, 8)),
        Grid(spacing=(1, 1, 1), shape=(8, 8, 9)),
        Grid(spacing=(1, 1, 1)),
        Grid(spacing=(1, 1, 1), shape=(8, 8, 8), contrast=Contrast("percentile", 1, 99.5)),
        Grid(spacing=(1, 1, 1), shape=(8, 8, 8), contrast=Contrast("window", 0.5, 99.5)),
        Grid(spacing=(1, 1, 1), shape=(8, 8, 8), contrast=Contrast(kept="float16")),
    ]
    names = [str(grid.identity()) for grid in [base, *others]]
    assert len(set(names)) == len(names)
    import torchio

    assert base.identity()["torchio"] == torchio.__version__


def test_grids_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="spacing must be three"):
        Grid(spacing=(1, 0, 1))
    with pytest.raises(UsageError, match="shape must be three"):
        Grid(shape=(1, 0, 1))


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
