"""WHU-RS19: satellite scenes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.data import Dataset, Folds
from bench.data.formats.folders import file_table, images_in


class WHURS19(Dataset):
    """WHU-RS19: 1,005 satellite scenes of 600 px from Google Earth, 19 classes (Xia et al., 2010; Dai and Yang, 2011).

    CLAdapter (NeurIPS 2025) states 402 / 100 / 503 images without the files; here these sizes come from ten stratified
    folds, by assumption: folds 0 to 4 hold 101 images, the others 100.
    """

    title = "WHU-RS19"
    task = "classification"
    homepage = "https://captain-whu.github.io/BED4RS/"
    licence = "research use"
    citation = "G.-S. Xia et al., Structural High-Resolution Satellite Image Indexing, ISPRS TC VII Symposium 2010"
    folder = "WHU-RS19"
    download = "https://captain-whu.github.io/BED4RS/ (WHU-RS19.zip)"
    classes = (
        "Airport", "Beach", "Bridge", "Commercial", "Desert", "Farmland", "footballField", "Forest", "Industrial",
        "Meadow", "Mountain", "Park", "Parking", "Pond", "Port", "railwayStation", "Residential", "River", "Viaduct",
    )  # fmt: skip
    protocols = {"paper": Folds(folds=10, train=(0, 1, 5, 6), val=(7,), test=(2, 3, 4, 8, 9))}
    expected = {"paper": {"train": 402, "val": 100, "test": 503}}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        return file_table(
            {"path": f"{name}/{file}", "label": label}
            for label, name in enumerate(self.classes)
            for file in images_in(place / name)
        )
