"""ADE20K: scenes with 150 classes of things and stuff."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.core.errors import DataError
from bench.data import Dataset, Official, Sample
from bench.data.formats.folders import file_table, images_in
from bench.data.formats.images import read_map

CLASSES = 150
IGNORED = 255
NOTE = (
    "evaluated on the validation images, as papers do: the test labels are not public; a fiftieth of training selects"
)


class ADE20K(Dataset):
    """ADE20K scene parsing (Zhou et al., CVPR 2017): 20,210 training and 2,000 validation images, 150 classes.

    Class 0 of the files ("other") counts nowhere, as in the benchmark. Training images whose number is a multiple of 50
    validate.
    """

    title = "ADE20K"
    homepage = "http://sceneparsing.csail.mit.edu"
    licence = "images for non-commercial research; annotations BSD 3-clause"
    citation = "B. Zhou et al., Scene Parsing through ADE20K Dataset, CVPR 2017"
    task = "segmentation"
    folder = "ADEChallengeData2016"
    download = "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip"
    classes = tuple(f"class{number}" for number in range(1, CLASSES + 1))  # the archive's objectInfo150.txt names them
    beside = ("annotations/*",)
    protocols = {"validation": Official(note=NOTE)}
    expected = {"validation": {"train": 19_805, "val": 405, "test": 2_000}}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        rows = []
        for part in ("training", "validation"):
            for number, name in enumerate(images_in(place / "images" / part)):
                target = f"annotations/{part}/{Path(name).stem}.png"
                if not (place / target).is_file():
                    raise DataError(
                        f"{place / target} is missing, but its image is there. Restore it from the archive."
                    )
                split = "test" if part == "validation" else "train" if number % 50 else "val"
                rows.append({"path": f"images/{part}/{name}", "target": target, "split": split})
        return file_table(rows)

    def read_target(self, sample: Sample) -> np.ndarray:
        assert sample.target is not None
        labels = read_map(sample.target).astype(np.int16) - 1
        labels[labels < 0] = IGNORED
        return labels.astype(np.uint8)
