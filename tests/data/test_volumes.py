"""Volumes on one grid: orientation, spacing, shape, contrast, and every way in which a file can be wrong."""

from __future__ import annotations

import random
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from made_volumes import SHAPE, SPACING, affine, saved, voxels

from bench.core.errors import DataError, UsageError
from bench.data.formats.intensity import OF_VOLUMES, Intensity
from bench.data.formats.volumes import Grid

PLAIN = Grid(contrast=Intensity("none", kept="float16"))
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
        read = Grid(spacing=tuple(fine), contrast=Intensity("none", kept="float16")).read(path)  # type: ignore[arg-type]
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
    read = Grid(spacing=(3, 3, 3), contrast=Intensity("none", kept="float16")).read(path).astype(float)
    assert read.shape == (14, 13, 12)
    assert read[1:-1, 1:-1, 1:-1].std() < 0.35


def test_a_grid_beyond_the_volume_shows_no_false_background(tmp_path: Path) -> None:
    """A bright volume resampled at a spacing that does not divide it: no voxel is darker than the volume."""
    grid = Grid(spacing=(2.3, 0.9, 0.8), contrast=Intensity("none", kept="float16"))
    read = grid.read(saved(tmp_path / "a.nii", voxels() + 500))
    assert read.min() > 490


def test_shape_cuts_and_pads_around_the_middle(tmp_path: Path) -> None:
    values = voxels() + 100
    read = Grid(shape=(5, 20, 11), contrast=Intensity("window", 0, 255)).read(saved(tmp_path / "a.nii", values))
    whole = Grid(contrast=Intensity("window", 0, 255)).read(tmp_path / "a.nii")
    assert read.shape == (5, 20, 11)
    assert np.array_equal(read[:, 3:17], whole[2:7])
    assert read[:, :3].max() == 0
    assert read[:, 17:].max() == 0


def test_percentiles_of_the_stored_volume(tmp_path: Path) -> None:
    values = voxels()
    read = Grid(contrast=Intensity("percentile", 5, 90)).read(saved(tmp_path / "a.nii", values))
    low, high = np.percentile(values, (5, 90))
    expected = np.rint(np.clip((values.transpose(2, 1, 0) - low) / (high - low), 0, 1) * 255)
    assert np.abs(read.astype(int) - expected).max() <= 1
    padded = Grid(shape=(30, 30, 30), contrast=Intensity("percentile", 5, 90)).read(tmp_path / "a.nii")
    assert (np.sort(padded[padded > 0])[::-1] == np.sort(read[read > 0])[::-1]).all()


@pytest.mark.parametrize(("kept", "dtype"), [("uint8", np.uint8), ("float16", np.float16)])
def test_a_fixed_window_is_the_same_for_every_volume(tmp_path: Path, kept: str, dtype: type) -> None:
    grid = Grid(contrast=Intensity("window", 10, 30, kept))  # type: ignore[arg-type]
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
    read = Grid(spacing=fine, contrast=Intensity("none")).read(path)
    exact = Grid(spacing=fine, contrast=Intensity("none", kept="float16")).read(path)
    assert read.dtype == np.uint8
    assert abs(float(read.mean() - exact.astype(float).mean())) < 0.05


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rule": "window", "low": 5, "high": 5}, "is empty"),
        ({"rule": "percentile", "low": -1, "high": 50}, r"0\.\.100"),
    ],
)
def test_rules_that_cannot_be(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Intensity(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("percentile[0.5,99.5]", Intensity()),
        ("window[-160,240]", Intensity("window", -160, 240)),
        ("window[0,1e3]", Intensity("window", 0, 1000)),
        ("none", Intensity("none")),
    ],
)
def test_rules_are_written_as_text(text: str, expected: Intensity) -> None:
    assert Intensity.parse(text, OF_VOLUMES).identity() == expected.identity()


@pytest.mark.parametrize("text", ["", "percentile", "window[1]", "window[2,1]", "full", "window[a,b]"])
def test_other_texts_are_no_rule(text: str) -> None:
    with pytest.raises(ValueError, match=r"no intensity rule|is empty"):
        Intensity.parse(text, OF_VOLUMES)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "ct.nii", voxels() * 100 - 1000)
    with pytest.raises(DataError, match=r"ct\.nii: intensities .* do not fit uint8\. Use contrast=window"):
        Grid(contrast=Intensity("none")).read(path)
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
    grid = Grid(spacing=(1.5, 1.5, 1.5), shape=(14, 9, 6), contrast=Intensity("window", 0, 1))
    seen = grid.read(saved(tmp_path / "image.nii", bright.astype(np.float32))) > 127
    labels = grid.read_labels(saved(tmp_path / "labels.nii", bright.astype(np.int16), axes="PSR")) > 0
    assert (seen == labels).mean() > 0.9


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
        Grid(spacing=(1, 1, 1), shape=(8, 8, 8), contrast=Intensity("percentile", 1, 99.5)),
        Grid(spacing=(1, 1, 1), shape=(8, 8, 8), contrast=Intensity("window", 0.5, 99.5)),
        Grid(spacing=(1, 1, 1), shape=(8, 8, 8), contrast=Intensity(kept="float16")),
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
