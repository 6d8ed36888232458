"""COCO 2017: everyday objects in photographs, with boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.data import Dataset, Official, Sample
from bench.data.formats.coco import CocoFile, joined_classes, read_coco
from bench.data.formats.folders import file_table

NOTE = "evaluated on val2017, as papers do: the test labels are not public; a fiftieth of train2017 selects"


class COCO(Dataset):
    """COCO 2017 (Lin et al., ECCV 2014): 118,287 training and 5,000 validation images, 80 classes; detection.

    Papers report val2017 and select nothing, or on it. Here images of train2017 whose number is a multiple of 50
    validate. Crowds are not judged.
    """

    title = "COCO"
    version = 2
    homepage = "https://cocodataset.org"
    licence = "annotations CC BY 4.0; images under Flickr's terms"
    citation = "T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014"
    task = "detection"
    folder = "coco"
    download = "https://cocodataset.org/#download (train2017, val2017, annotations)"
    beside = ("test2017/*", "unlabeled2017/*")
    protocols = {"val2017": Official(note=NOTE)}
    expected = {"val2017": {"train": 115_921, "val": 2_366, "test": 5_000}}

    def samples(self, root: Path) -> pd.DataFrame:
        self.require(root)
        rows = []
        for part in ("train2017", "val2017"):
            for number, name in enumerate(sorted(self._file(root, part).images)):
                split = "test" if part == "val2017" else "train" if number % 50 else "val"
                rows.append({"path": f"{part}/{name}", "target": _annotations(part), "split": split})
        return file_table(rows)

    def class_names(self, root: Path) -> tuple[str, ...]:
        return names_in(self.require(root))

    def read_target(self, sample: Sample) -> np.ndarray:
        assert sample.target is not None
        assert sample.path is not None
        return read_coco(sample.target).boxes(sample.path, names_in(sample.root))

    def left_out(self, sample: Sample) -> tuple[str, ...]:
        assert sample.target is not None
        assert sample.path is not None
        return (*super().left_out(sample), *read_coco(sample.target).left_out(sample.path))

    def _file(self, root: Path, part: str) -> CocoFile:
        return read_coco(self.location(root) / _annotations(part))


def names_in(place: Path) -> tuple[str, ...]:
    """Names of val2017's categories, then what train2017 adds: files may number the same categories otherwise."""
    return joined_classes(read_coco(place / _annotations(part)) for part in ("val2017", "train2017"))


def _annotations(part: str) -> str:
    return f"annotations/instances_{part}.json"
