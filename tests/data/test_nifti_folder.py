"""A person's own volumes in a table."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from made_volumes import SHAPE, affine, dicom, participants, saved, voxels

from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.core.errors import DataError, UsageError
from bench.data.base import rows_of
from bench.data.decoded import decoded
from bench.data.formats.readers import input_reader
from bench.data.prepare import Prepared, checked_table, prepare
from bench.data.tables.identity import file_digests
from bench.datasets.nifti_folder import NiftiFolder

SPLITS = ("train", "train", "val", "test")


def folder(root: Path, **fields: Any) -> Prepared:
    return prepare(NiftiFolder(path="brains/participants.tsv", **fields), root, 0)


def test_labels_groups_and_splits_come_from_the_list(root: Path) -> None:
    participants(root)
    prepared = folder(root, protocol="grouped")
    assert prepared.class_names == ("ad", "cn")
    assert prepared.table.groupby("group")["split"].nunique().max() == 1
    assert sum(prepared.counts.values()) == 20
    assert all(prepared.counts.values())


def test_volumes_and_label_maps_lie_on_one_grid(root: Path) -> None:
    participants(root, 6)
    dataset = NiftiFolder(path="brains/participants.tsv", spacing=(2, 1, 1), shape=(8, 12, 6), contrast="window[0,40]")
    rows = list(rows_of(dataset, checked_table(dataset, root), root))
    for sample in rows:
        assert sample.path is not None
        volume = dataset.read(sample)
        labels = dataset.grid().read_labels(sample.root / "maps" / sample.path.name)
        assert volume.shape == labels.shape == (8, 12, 6)
        assert volume.dtype == np.uint8
        assert ((volume > 127) == (labels > 0)).mean() > 0.9


def test_copies_in_other_orientations_are_cached_as_the_same_bytes(root: Path) -> None:
    for axes in ("RAS", "LAS", "PSR", "SAR"):
        saved(root / "copies" / f"{axes}.nii.gz", voxels(), axes=axes)
    lines = [f"{axes}.nii.gz,a,{split}" for axes, split in zip(("RAS", "LAS", "PSR", "SAR"), SPLITS, strict=True)]
    (root / "copies" / "list.csv").write_text("\n".join(["path,label,split", *lines]) + "\n")
    grid = {"spacing": (1.7, 1.0, 0.9), "shape": (10, 16, 8), "accept_leaks": ("duplicate",)}
    prepared = prepare(NiftiFolder(path="copies/list.csv", protocol="split", **grid), root, 0)
    array = decoded(prepared, input_reader(prepared, (3, 10, 16, 16), Recipe(), "bilinear"))
    assert array.shape == (4, 10, 16, 8)
    assert len({volume.tobytes() for volume in array}) == 1
    assert len(np.unique(array[0])) > 50


def test_a_missing_label_is_told_with_its_line(root: Path) -> None:
    place = participants(root, 6)
    file = place / "participants.tsv"
    file.write_text(file.read_text().replace("scans/3.nii.gz\tad", "scans/3.nii.gz\t"))
    with pytest.raises(DataError, match=r"nifti_folder: .*participants\.tsv, line 5: label is empty"):
        folder(root)


def test_a_list_with_commas_is_read_too(root: Path) -> None:
    place = participants(root)
    text = (place / "participants.tsv").read_text().replace("\t", ",")
    (place / "list.csv").write_text(text)
    prepared = prepare(NiftiFolder(path="brains/list.csv", protocol="grouped"), root, 0)
    assert prepared.class_names == ("ad", "cn")


def test_a_series_folder_is_a_sample(root: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16)
    place = root / "ct"
    for number in range(2):
        dicom(place / f"patient{number}", values)
    (place / "list.csv").write_text("path,label\npatient0,a\npatient1,b\n")
    dataset = NiftiFolder(path="ct/list.csv", contrast="window[0,2000]")
    volumes = [dataset.read(sample) for sample in rows_of(dataset, checked_table(dataset, root), root)]
    assert np.array_equal(volumes[0], volumes[1])
    assert volumes[0].shape == SHAPE[::-1]


def test_a_series_is_hashed_with_all_its_files(root: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16)
    one, other = dicom(root / "a", values), root / "b"
    copytree(one, other)
    same, again = file_digests(root, ["a", "b"])
    assert same == again
    first = min(other.iterdir())
    first.rename(first.with_name("z.dcm"))
    assert file_digests(root, ["a", "b"])[1] != same
    (one / "1.2.3.4-000.dcm").write_bytes(b"changed")
    assert file_digests(root, ["a"])[0] != same


def test_the_cache_depends_on_the_grid_and_the_libraries(root: Path) -> None:
    participants(root)
    base = folder(root, protocol="grouped")
    assert folder(root, protocol="grouped", shape=(8, 8, 8)).content != base.content
    newer = Newer(path="brains/participants.tsv", protocol="grouped")
    older = Older(path="brains/participants.tsv", protocol="grouped")
    assert prepare(newer, root, 0).content != prepare(older, root, 0).content


class Older(NiftiFolder):
    def reading(self) -> dict[str, object]:
        return {**super().reading(), "torchio": "1.2"}


class Newer(NiftiFolder):
    def reading(self) -> dict[str, object]:
        return {**super().reading(), "torchio": "1.3"}


def test_the_audits_remarks_name_mixtures(root: Path) -> None:
    place = participants(root, 6)
    saved(place / "scans" / "5.nii.gz", voxels(), affine((1, 1, 1)))
    found = NiftiFolder(path="brains/participants.tsv").remarks(root)
    assert any("3 orientations: RAS (3), LAS (2), PSR (1)" in line for line in found)
    assert any(line.startswith("2 voxel spacings") for line in found)


def test_records_keep_a_note_of_headers_that_contradict_themselves(root: Path) -> None:
    place = participants(root, 20)
    assert folder(root, protocol="grouped").notes == ()
    made = nib.Nifti1Image(voxels(), affine())
    made.set_qform(affine() @ np.diag([-1, 1, 1, 1]), code=1)
    made.set_sform(affine(), code=2)
    nib.save(made, place / "scans" / "5.nii.gz")
    (note,) = folder(root, protocol="grouped").notes
    assert note.startswith("1 header whose")
    assert note.endswith("the sform is used: scans/5.nii.gz")


def test_a_cell_names_the_grid() -> None:
    text = 'nifti_folder[path=a.tsv,spacing=[1,1,2],shape=[32,64,64],contrast="window[-160,240]",kept=float16]'
    spec = Spec.parse(text)
    dataset = NiftiFolder.build(spec.name, spec.params)
    grid = dataset.grid()
    assert (grid.spacing, grid.shape, grid.contrast.low, grid.contrast.kept) == (
        (1, 1, 2),
        (32, 64, 64),
        -160,
        "float16",
    )
    again = Spec.parse(str(Spec("nifti_folder", dataset.changed())))
    assert NiftiFolder.build(again.name, again.params) == dataset


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"spacing": (1, 1, 0)}, "spacing"),
        ({"shape": (1, 0, 1)}, "shape"),
        ({"contrast": "bright"}, "contrast"),
        ({"intensity": "full"}, "take contrast, not intensity"),
        ({"contrast": "window[3,1]"}, "contrast"),
    ],
)
def test_grids_that_cannot_be(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NiftiFolder.build("nifti_folder", fields)
