"""The hippocampus set of the Medical Segmentation Decathlon, found through BENCH_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.data.base import rows_of
from bench.data.prepare import checked_table, prepare
from bench.datasets.nifti_folder import NiftiFolder

pytestmark = pytest.mark.realdata

DATA = os.environ.get("BENCH_DATA", "")


@pytest.fixture
def hippocampus(root: Path) -> NiftiFolder:
    """A list of all volumes with their label maps; the class is a number of the file's name, which needs no voxel."""
    place = Path(DATA) / "msd_hippocampus"
    if not DATA or not place.is_dir():
        pytest.skip("BENCH_DATA holds no msd_hippocampus")
    files = sorted((place / "imagesTr").glob("*.nii.gz"))
    lines = [f"{file},{n % 2},{place / 'labelsTr' / file.name}" for n, file in enumerate(files)]
    (root / "list.csv").write_text("path,label,target\n" + "\n".join(lines) + "\n")
    return NiftiFolder(path="list.csv", spacing=(1.5, 1.5, 1.5), shape=(24, 36, 28))


def test_real_volumes_are_read_on_one_grid(hippocampus: NiftiFolder, root: Path) -> None:
    table = checked_table(hippocampus, root)
    assert len(table) == 60
    for sample in list(rows_of(hippocampus, table, root))[::6]:
        assert sample.path is not None
        volume = hippocampus.read(sample)
        assert volume.shape == (24, 36, 28)
        assert volume.std() > 20
        labels = hippocampus.grid().read_labels(sample.path.parent.with_name("labelsTr") / sample.path.name)
        assert set(np.unique(labels)) == {0, 1, 2}
        assert labels.shape == volume.shape


def test_the_survey_tells_the_mixture_of_types(hippocampus: NiftiFolder, root: Path) -> None:
    assert hippocampus.remarks(root) == ["2 types of number: float32 (52), uint8 (8)"]


def test_a_split_of_real_volumes(hippocampus: NiftiFolder, root: Path) -> None:
    assert prepare(hippocampus, root, 0).counts == {"train": 36, "val": 12, "test": 12}
