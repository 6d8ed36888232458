"""BreakHis: breast-tumour histology at four magnifications."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from bench.core.errors import DataError
from bench.data import Dataset, Folds
from bench.data.base import Counts
from bench.data.formats.folders import file_table, printable, walk

MALIGNANT = {
    "DC": "ductal_carcinoma",
    "LC": "lobular_carcinoma",
    "MC": "mucinous_carcinoma",
    "PC": "papillary_carcinoma",
}
BENIGN = {"A": "adenosis", "F": "fibroadenoma", "PT": "phyllodes_tumor", "TA": "tubular_adenoma"}
TYPES = {**BENIGN, **MALIGNANT}
# Images per type in the order of TYPES, by magnification (Spanhol et al. 2016, Table I).
SIZES = {
    40: (114, 253, 109, 149, 864, 156, 205, 145),
    100: (113, 260, 121, 150, 903, 170, 222, 142),
    200: (111, 264, 108, 140, 896, 163, 196, 135),
    400: (106, 237, 115, 130, 788, 137, 169, 138),
}
# SOB_M_DC-14-13412-100-019.png: type, year, slide (letters name blocks of one case), magnification, sequence number.
NAME = re.compile(r"SOB_(?P<side>[BM])_(?P<type>[A-Z]+)-(?P<year>\d+)-(?P<case>\d+)[A-Z]*-(?P<mag>\d+)-\d+\.png")


class BreakHis(Dataset):
    """BreakHis: 7,909 breast-tumour images of 82 patients, 8 tumour types, 4 magnifications (Spanhol et al., 2016).

    Groups are case numbers: slides 22549AB and 22549CD are taken as one patient, and so is slide 13412, which is
    filed under two diagnoses (DC and LC).
    """

    title = "BreakHis"
    words = {
        "magnification": "{}x",
        "magnification=": "200x",
        "n_classes": "{} classes",
        "n_classes=": "4 classes",
        "protocol=paper": "images split by chance",
        "protocol=patient": "no patient in two splits",
        "protocol=image_resampled": "images split anew for each seed",
        "protocol=patient_resampled": "patients split anew for each seed",
    }
    task = "classification"
    homepage = "https://web.inf.ufpr.br/vri/databases/breast-cancer-histopathological-database-breakhis/"
    licence = "CC BY 4.0"
    citation = "F. Spanhol et al., A Dataset for Breast Cancer Histopathological Image Classification, IEEE TBME 2016"
    folder = "BreaKHis_v1"
    download = "BreaKHis_v1.tar.gz, linked from the homepage"
    beside = ("*/[1-4]0*X/SOB_*.png",)  # the other magnifications and types
    group_kind = "patient"
    # CLAdapter's split (NeurIPS 2025): image-level folds, so that patients are mixed; the order of files is not
    # published, so the folds agree in size but not image by image.
    protocols = {
        "paper": Folds(folds=5, train=(2, 3, 4), val=(0,), test=(1,), leaks=("patient",)),
        "patient": Folds(folds=5, train=(2, 3, 4), val=(0,), test=(1,), group="group"),
        # The same two rules with folds of each data seed's own: few patients make one draw a matter of luck.
        "image_resampled": Folds(folds=5, train=(2, 3, 4), val=(0,), test=(1,), drawn=True, leaks=("patient",)),
        "patient_resampled": Folds(folds=5, train=(2, 3, 4), val=(0,), test=(1,), drawn=True, group="group"),
    }

    magnification: Literal[40, 100, 200, 400] = Field(200, description="of the microscope")
    n_classes: Literal[2, 4, 8] = Field(4, description="2: benign or malignant; 4: malignant types; 8: all types")

    def class_names(self, root: Path) -> tuple[str, ...]:
        return {2: ("benign", "malignant"), 4: tuple(MALIGNANT.values()), 8: tuple(TYPES.values())}[self.n_classes]

    def expects(self) -> Counts:
        sizes = SIZES[self.magnification]
        per_class = {2: (sum(sizes[:4]), sum(sizes[4:])), 4: sizes[4:], 8: sizes}[self.n_classes]
        published = {"train": 834, "val": 278, "test": 278}
        as_published = self.protocol == "paper" and self.magnification == 200 and self.n_classes == 4
        return {"total": per_class, **(published if as_published else {})}

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        rows, seen = [], set()
        for path in walk(place):
            if path.endswith(".png"):
                name = _parsed(place, path)
                seen.add(int(name["mag"]))
                label = self._label(name["type"])
                if int(name["mag"]) == self.magnification and label >= 0:
                    rows.append({"path": path, "label": label, "group": f"{name['year']}-{name['case']}"})
        if not rows:
            found = ", ".join(f"{magnification}X" for magnification in sorted(seen)) or "none"
            raise DataError(f"breakhis: no {self.magnification}X images in {place}; found {found}. Set magnification.")
        return file_table(rows)

    def _label(self, kind: str) -> int:
        """Class number of a tumour type, -1 where the chosen classes leave it out."""
        if self.n_classes == 2:
            return int(kind in MALIGNANT)
        chosen = list(MALIGNANT if self.n_classes == 4 else TYPES)
        return chosen.index(kind) if kind in chosen else -1


def _parsed(place: Path, path: str) -> re.Match[str]:
    """The parts of a file's name, which must agree with each other and with the folders it lies in."""
    folder, _, file = path.rpartition("/")
    name = NAME.fullmatch(file)
    if (
        name is None
        or name["type"] not in TYPES
        or name["side"] != ("M" if name["type"] in MALIGNANT else "B")
        or f"/{TYPES[name['type']]}/" not in path
        or not folder.endswith(f"/{name['mag']}X")
    ):
        shown = printable(place / path)
        raise DataError(f"{shown} does not follow the naming of BreakHis or does not fit its folder. Remove it.")
    return name
