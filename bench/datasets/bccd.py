"""BCCD: blood cells in microscope images, with boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.core.errors import DataError
from bench.data import Dataset, Official, Sample
from bench.data.formats.folders import file_table
from bench.data.formats.voc import boxes_on, read_voc


class BCCD(Dataset):
    """BCCD: 364 images of blood smears, boxes of red cells, white cells and platelets; official lists.

    The lists say nothing of slides or patients, so nobody can tell whether splits share one. Two boxes (images 00338
    and 00343) have no area.
    """

    title = "BCCD blood cells"
    homepage = "https://github.com/Shenggan/BCCD_Dataset"
    licence = "MIT"
    citation = "Shenggan, BCCD Dataset, GitHub 2017"
    task = "detection"
    folder = "bccd"
    download = "https://github.com/Shenggan/BCCD_Dataset (the folder BCCD, below bccd/)"
    classes = ("RBC", "WBC", "Platelets")
    beside = ("example.jpg", "test.jpg", "dataset/*", "scripts/*")
    protocols = {"official": Official(note="no slide or patient ids: splits may share slides")}
    expected = {"official": {"train": 205, "val": 87, "test": 72}}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root) / "BCCD"
        rows = []
        for split in ("train", "val", "test"):
            file = place / "ImageSets" / "Main" / f"{split}.txt"
            try:
                names = file.read_text().split()
            except OSError as error:
                raise DataError(f"Cannot read {file}: {error.strerror}. Restore it from the archive.") from error
            rows += [
                {"path": f"BCCD/JPEGImages/{n}.jpg", "target": f"BCCD/Annotations/{n}.xml", "split": split}
                for n in names
            ]
        return file_table(sorted(rows, key=lambda row: row["path"]))

    def read_target(self, sample: Sample) -> np.ndarray:
        assert sample.target is not None
        assert sample.path is not None
        return boxes_on(sample.path, read_voc(sample.target, self.classes), sample.target)
