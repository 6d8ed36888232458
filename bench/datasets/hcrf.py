"""HCRF: gastric histology, normal or abnormal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.core.errors import DataError
from bench.data import Dataset, Folds
from bench.data.formats.folders import file_table, images_in, subfolders


class HCRF(Dataset):
    """HCRF (HE-GHI-DS): H&E-stained gastric tissue, 140 normal and 560 abnormal images of 2048 px (Sun et al., 2020).

    CLAdapter (NeurIPS 2025) uses 280 images: 70 / 70 / 140 = folds 1 / 0 / 2 and 3 of four stratified ones. Which
    abnormal images it leaves out is not published: put 140 of each class here, or accept the archive's 700 by
    --partial (every table will say so).
    """

    title = "HCRF"
    task = "classification"
    homepage = "https://data.mendeley.com/datasets/thgf23xgy7/2"
    licence = "see its page"
    citation = "C. Sun, C. Li, Y. Li, Data for HCRF, Mendeley Data V2, 2020, doi:10.17632/thgf23xgy7.2"
    folder = "HCRF"
    download = "https://data.mendeley.com/datasets/thgf23xgy7/2 (images in the folders normal and abnormal)"
    classes = ("normal", "abnormal")
    protocols = {"paper": Folds(folds=4, train=(1,), val=(0,), test=(2, 3))}
    expected = {"paper": {"train": 70, "val": 70, "test": 140, "total": (140, 140)}}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        found = {name.lower(): name for name in subfolders(place)}
        if missing := [name for name in self.classes if name not in found]:
            raise DataError(f"hcrf: {place} has no folder {missing[0]!r}. Put the images into normal and abnormal.")
        return file_table(
            {"path": f"{found[name]}/{file}", "label": label}
            for label, name in enumerate(self.classes)
            for file in images_in(place / found[name])
        )
