"""Plant Pathology 2020: diseases of apple leaves."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.core.errors import DataError, MissingData
from bench.data import Dataset, Folds
from bench.data.formats.folders import file_table

CLASSES = ("healthy", "multiple_diseases", "rust", "scab")


class PlantPathology2020(Dataset):
    """Plant Pathology 2020 ("Apple Foliar"): 1,821 labelled leaf photographs, 4 classes (Thapa et al., 2020).

    The test images of the competition have no public labels, so papers divide the training images. CLAdapter
    (NeurIPS 2025) states 1366 / 455 without the files; here these sizes come from stratified folds, by assumption.
    """

    title = "Plant Pathology 2020"
    task = "classification"
    homepage = "https://www.kaggle.com/c/plant-pathology-2020-fgvc7"
    licence = "rules of the Kaggle competition"
    citation = "R. Thapa et al., The Plant Pathology Challenge 2020 Data Set, Applications in Plant Sciences 2020"
    folder = "plant_pathology_2020"
    download = "the Kaggle competition plant-pathology-2020-fgvc7 (train.csv and images/)"
    classes = CLASSES
    beside = ("images/Test_*.jpg",)
    # Fold 1 is the first of 455 images (1,821 = 456 + 3 x 455).
    protocols = {
        "paper": Folds(folds=4, train=(0, 2, 3), test=(1,), selection="last"),
        "holdout": Folds(folds=5, train=(0, 1, 2), val=(3,), test=(4,)),
    }
    expected = {"paper": {"train": 1366, "val": 0, "test": 455}, "holdout": {"total": (516, 91, 622, 592)}}

    def samples(self, root: Path) -> pd.DataFrame:
        file = self.require(root) / "train.csv"
        try:
            sheet = pd.read_csv(file)
            flags = sheet[list(CLASSES)].to_numpy(dtype=float)
            names = sheet["image_id"].astype(str)
        except FileNotFoundError:
            raise MissingData(self.missing(file)) from None
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"Cannot read {file}: {error}. It needs image_id and one column per class.") from error
        odd = names[(flags.sum(axis=1) != 1) | (flags.max(axis=1) != 1)]
        if len(odd):
            raise DataError(f"{file}: {odd.iloc[0]} does not have exactly one class. Restore the file from the source.")
        pairs = zip(names, flags.argmax(axis=1).tolist(), strict=True)
        return file_table({"path": f"images/{name}.jpg", "label": label} for name, label in pairs)
