"""Tiny-ImageNet: 200 ImageNet classes at 64 pixels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.core.errors import DataError
from bench.data import Dataset, Folds, Official
from bench.data.formats.folders import file_table, images_in

NOTE = "evaluated on the public validation images: the test labels are not public"


class TinyImageNet(Dataset):
    """Tiny-ImageNet: 200 classes, 64x64 pixels, 500 training and 50 validation images each (CS231n, Stanford)."""

    title = "Tiny-ImageNet"
    words = {
        "protocol=paper": "tested on the validation images",
        "protocol=holdout": "tested on the validation images, a tenth of the training images selects",
    }
    task = "classification"
    homepage = "http://cs231n.stanford.edu/"
    licence = "ImageNet terms: non-commercial research"
    citation = "Y. Le and X. Yang, Tiny ImageNet Visual Recognition Challenge, CS231N report, Stanford 2015"
    folder = "tiny-imagenet-200"
    download = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    mirrors = {"http://cs231n.stanford.edu/tiny-imagenet-200.zip": "md5:90528d7ca1a48142e341f4ef8d21d0de"}
    beside = ("test/images/*",)  # without labels
    overlaps = ("imagenet", "in1k", "in12k", "in21k", "in22k", "imagenet21k", "imagenet22k")
    # CLAdapter (NeurIPS 2025) cites a protocol that reports accuracy on the validation images, without other held-out
    # data. "holdout" takes one stratified, shuffled fold in ten of the training images for selection instead.
    protocols = {
        "paper": Official(rename=(("val", "test"),), selection="last", leaks=("duplicate",), note=NOTE),
        "holdout": Official(column="holdout", leaks=("duplicate",), note=NOTE),
    }
    expected = {
        "paper": {"train": 100_000, "val": 0, "test": 10_000},
        "holdout": {"train": 90_000, "val": 10_000, "test": 10_000},
    }

    def class_names(self, root: Path) -> tuple[str, ...]:
        file = self.require(root) / "wnids.txt"
        try:
            return tuple(sorted(file.read_text().split()))
        except OSError as error:
            raise DataError(f"Cannot read {file}: {error.strerror}. Restore it from the archive.") from error

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        numbers = {name: label for label, name in enumerate(self.class_names(root))}
        train = [
            {"path": f"train/{name}/images/{file}", "label": label, "split": "train"}
            for name, label in numbers.items()
            for file in images_in(place / "train" / name / "images")
        ]
        annotated = _annotations(place / "val" / "val_annotations.txt")
        val = []
        for file in images_in(place / "val" / "images"):
            if annotated.get(file) not in numbers:
                raise DataError(f"{place}/val/images/{file} has no known class in val_annotations.txt. Remove it.")
            val.append({"path": f"val/images/{file}", "label": numbers[annotated[file]], "split": "val"})
        table = file_table([*train, *val])
        table["holdout"] = table["split"].replace("val", "test")
        if self.protocol == "holdout":
            training = table[table["split"] == "train"]
            held_out = Folds(folds=10, train=tuple(range(1, 10)), val=(0,))(training) == "val"
            table.loc[held_out.index[held_out], "holdout"] = "val"
        return table


def _annotations(file: Path) -> dict[str, str]:
    """File name -> class, from the tab-separated list whose further columns are boxes."""
    try:
        lines = file.read_text().splitlines()
        return {name: label for name, label, *_ in (line.split("\t") for line in lines)}
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read {file}: {error}. Restore it from the archive.") from error
