"""Hippocampus of the Medical Segmentation Decathlon, slice by slice."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench.core.errors import DataError
from bench.data import Dataset, Folds, Sample
from bench.data.formats.nifti import read_header, read_label_map, read_nifti

FOLDS = 5
WHITE = 99.5  # percentile of a volume that becomes white


class HippocampusSlices(Dataset):
    """MSD Task04 Hippocampus: anterior and posterior hippocampus in axial MR slices (Antonelli et al., 2022).

    A patient's volume stands in one split, and a slice is a sample; the group is the patient. MR has no unit (published
    maxima run from 127 to 358,000), so grey values are scaled per volume, never per slice: 0 is black, the volume's
    99.5th percentile white. Slices are shown with the front of the head up.
    """

    title = "Hippocampus slices"
    words = {
        "protocol=fold*": "fold {}",
    }
    homepage = "http://medicaldecathlon.com"
    licence = "CC BY-SA 4.0"
    citation = "M. Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 2022"
    task = "segmentation"
    folder = "msd_hippocampus"
    averages = "fold*"
    download = "http://medicaldecathlon.com (Task04_Hippocampus: imagesTr and labelsTr)"
    classes = ("background", "anterior", "posterior")
    group_kind = "patient"
    protocols = {
        f"fold{fold}": Folds(
            folds=FOLDS,
            train=tuple((fold + step) % FOLDS for step in range(2, FOLDS)),
            val=((fold + 1) % FOLDS,),
            test=(fold,),
            group="group",
        )
        for fold in range(FOLDS)
    }

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        volumes = sorted(file.name for file in (place / "imagesTr").glob("hippocampus_*.nii.gz"))
        rows = []
        for name in volumes:
            if not (place / "labelsTr" / name).is_file():
                raise DataError(
                    f"{place}/labelsTr/{name} is missing, but imagesTr has it. Restore it from the archive."
                )
            patient = name.removesuffix(".nii.gz")
            paths = {"path": f"imagesTr/{name}", "target": f"labelsTr/{name}", "group": patient}
            depth = int(read_header(place / paths["path"]).get_data_shape()[2])
            rows += [{"id": f"{patient}/{z:02d}", "index": z, **paths} for z in range(depth)]
        return pd.DataFrame(rows, columns=["id", "index", "path", "target", "group"])

    def read(self, sample: Sample) -> np.ndarray:
        assert sample.path is not None
        return _slice(_grey(sample.path), sample.index)

    def read_target(self, sample: Sample) -> np.ndarray:
        assert sample.target is not None
        return _slice(_labels(sample.target), sample.index)


@lru_cache(maxsize=64)  # slices of a volume follow one another
def _grey(path: Path) -> np.ndarray:
    values = read_nifti(path).values
    return np.rint(np.clip(values / np.percentile(values, WHITE), 0, 1) * 255).astype(np.uint8)


@lru_cache(maxsize=64)
def _labels(path: Path) -> np.ndarray:
    return read_label_map(path).values.astype(np.uint8)


def _slice(volume: np.ndarray, number: int) -> np.ndarray:
    """Axial slice (Y, X) of a volume (X, Y, Z) whose axes run right, forward and up."""
    return np.ascontiguousarray(volume[:, ::-1, number].T)
