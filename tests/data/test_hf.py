"""Data sets of Hugging Face's library against the same images in folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hidden import hidden
from made_images import class_folders, saved_hf

import bench
from bench.core.errors import DataError, MissingData, UsageError
from bench.data.base import rows_of
from bench.data.prepare import checked_table, prepare
from bench.datasets.hf import HF
from bench.datasets.image_folder import ImageFolder


def hundred(root: Path, source: Path) -> None:
    """100 photographs of PACS, 20 of each of five classes, in folders and saved to disk."""
    for kind in ("dog", "elephant", "giraffe", "guitar", "house"):
        (root / "own" / kind).mkdir(parents=True)
        for file in sorted((source / kind).iterdir())[:20]:
            shutil.copy(file, root / "own" / kind)
    saved_hf(root / "own", root / "saved")


@pytest.mark.realdata
def test_a_saved_data_set_equals_its_image_folder(root: Path) -> None:
    source = Path(os.environ.get("BENCH_DATA", "")) / "pacs" / "photo"
    if not source.is_dir():
        pytest.skip("BENCH_DATA holds no PACS")
    hundred(root, source)
    names = [f"{data}/lite0[size=64]" for data in ("image_folder[path=own]", "hf[path=saved,id_column=file]")]
    cells = [f"{name}/{method}/quick/seed=0" for name in names for method in ("ridge", "linear_probe")]
    bench.run(*cells, data=root, results=root / "runs")
    for method in ("ridge", "linear_probe"):
        mine, theirs = (
            dict(np.load(next((root / "runs").glob(f"{data}*/*/{method}/*/seed=0.npz")))) for data in ("image", "hf")
        )
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[key], theirs[key]) for key in mine)


def test_rows_are_those_of_the_folder(root: Path) -> None:
    class_folders(root / "own", 3, 5)
    saved_hf(root / "own", root / "saved")
    folder, saved = ImageFolder(path="own"), HF(path="saved", id_column="file")
    one, other = prepare(folder, root, 0), prepare(saved, root, 0)
    for column in ("id", "label", "split"):
        assert one.table[column].tolist() == other.table[column].tolist()
    assert one.class_names == other.class_names
    for mine, theirs in zip(rows_of(folder, one.table, root), rows_of(saved, other.table, root), strict=True):
        assert np.array_equal(folder.read(mine), saved.read(theirs))


def test_splits_are_taken_as_they_are(root: Path) -> None:
    class_folders(root / "own", 2, 9)
    saved_hf(root / "own", root / "saved", ("train", "validation", "test"))
    assert prepare(HF(path="saved", protocol="split"), root, 0).counts == {"train": 6, "val": 6, "test": 6}
    with pytest.raises(DataError, match="train, validation, test; use protocol=split"):
        checked_table(HF(path="saved"), root)


def test_the_revision_is_part_of_the_identity(root: Path) -> None:
    class_folders(root / "own", 2, 5)
    saved_hf(root / "own", root / "saved")
    content = {prepare(HF(path="saved", revision=one), root, 0).content for one in ("", "a", "b")}
    assert len(content) == 3


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"image_column": "picture"}, "picture.*image, label, file"),
        ({"image_column": "label"}, "'label' holds no images"),
        ({"label_column": "kind"}, "kind.*image, label, file"),
    ],
)
def test_a_column_that_does_not_fit_is_named(root: Path, fields: dict[str, str], told: str) -> None:
    class_folders(root / "own", 2, 5)
    saved_hf(root / "own", root / "saved")
    with pytest.raises(DataError, match=told):
        checked_table(HF(path="saved", **fields), root)


def test_what_is_not_there_is_said(root: Path) -> None:
    (root / "empty").mkdir()
    for path, told in (("", "say which"), ("nobody/nothing", "revision=COMMIT"), ("empty", "cannot load")):
        with pytest.raises(MissingData, match=told):
            checked_table(HF(path=path), root)


def test_without_the_library_the_extra_is_named(root: Path) -> None:
    with hidden({"datasets"}), pytest.raises(UsageError, match=r"pip install 'adaptbench\[hf\]'"):
        checked_table(HF(path="saved"), root)
