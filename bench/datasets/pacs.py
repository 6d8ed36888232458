"""PACS: photo, art painting, cartoon, sketch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from bench.core.errors import DataError, MissingData
from bench.data import Dataset, DomainHoldout, Folds, LeaveDomainOut, Official
from bench.data.formats.folders import file_table, images_in

SIZES = {"art_painting": 2048, "cartoon": 2344, "photo": 1670, "sketch": 3929}
LISTED = {"art_painting": (1840, 208), "cartoon": (2107, 237), "photo": (1499, 171), "sketch": (3531, 398)}
PHOTOS = "300 photographs as a person has them; splits are drawn anew for each data seed"
DOMAINBED = "validation drawn by the data seed; DomainBed tests on four fifths of the test domain, here all of it"


class PACS(Dataset):
    """PACS: 4 domains x 7 classes, 9,991 images (Li et al., ICCV 2017)."""

    title = "PACS"
    words = {
        "protocol=paper": "tested on Art Painting, trained on a fifth of the others",
        "protocol=leave_*": "tested on {}",
        "protocol=official_*": "tested on {}, official lists",
        "protocol=domainbed_*": "tested on {}, DomainBed's split",
        "protocol=photos": "300 photographs, split anew for each seed",
    }
    task = "classification"
    homepage = "https://sketchx.eecs.qmul.ac.uk/downloads/"
    licence = "research use"
    citation = "D. Li, Y. Yang, Y.-Z. Song, T. Hospedales, Deeper, Broader and Artier Domain Generalization, ICCV 2017"
    folder = "pacs"
    averages = "leave_* domainbed_* official_*"
    download = "the PACS archive (folder kfold) linked from https://sketchx.eecs.qmul.ac.uk/downloads/ or a mirror"
    classes = ("dog", "elephant", "giraffe", "guitar", "horse", "house", "person")
    # CLAdapter (NeurIPS 2025): Art Painting is the test domain, one fold in five of the rest trains. Fold 3 is the
    # first of 1,588 images (7,943 = 3 x 1,589 + 2 x 1,588).
    protocols = {
        "paper": LeaveDomainOut(test="art_painting", train=(3,)),
        **{f"leave_{domain}": LeaveDomainOut(test=domain) for domain in SIZES},
        **{f"official_{domain}": Official(column=f"official_{domain}") for domain in SIZES},
        **{f"domainbed_{domain}": DomainHoldout(test=domain, note=DOMAINBED) for domain in SIZES},
        "photos": Folds(folds=5, train=(2, 3, 4), val=(0,), test=(1,), drawn=True, note=PHOTOS),
    }
    expected = {
        "paper": {"train": 1588, "val": 6355, "test": 2048},
        **{f"leave_{domain}": {"test": size, "total": 9991} for domain, size in SIZES.items()},
        **{
            f"official_{domain}": {
                "train": sum(train for other, (train, _) in LISTED.items() if other != domain),
                "val": sum(val for other, (_, val) in LISTED.items() if other != domain),
                "test": size,
            }
            for domain, size in SIZES.items()
        },
        **{
            f"domainbed_{domain}": {
                "train": sum(other - other // 5 for name, other in SIZES.items() if name != domain),
                "val": sum(other // 5 for name, other in SIZES.items() if name != domain),
                "test": size,
            }
            for domain, size in SIZES.items()
        },
        "photos": {"train": 180, "val": 60, "test": 60},
    }

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        table = file_table(
            {"path": f"{domain}/{name}/{file}", "label": label, "domain": domain}
            for domain in SIZES
            for label, name in enumerate(self.classes)
            for file in images_in(place / domain / name)
        )
        if self.protocol == "photos":
            return some_photos(table[table["domain"] == "photo"])
        if self.protocol.startswith("official_"):
            target = self.protocol.removeprefix("official_")
            table[self.protocol] = listed_splits(root / "pacs_splits", table, target)
        return table

    def remarks(self, root: Path) -> list[str]:
        return [
            f"{published} differs from {corrected}, which is used"
            for corrected in sorted((root / "pacs_splits" / "corrected").glob("*.txt"))
            if (published := root / "pacs_splits" / corrected.name).is_file()
            and published.read_text() != corrected.read_text()
        ]


def some_photos(photos: pd.DataFrame, count: int = 300) -> pd.DataFrame:
    """As many photographs, classes in proportion; all where there are no more."""
    if len(photos) > count:
        photos = train_test_split(photos, train_size=count, stratify=photos["label"], random_state=0)[0].sort_index()
    return photos.reset_index(drop=True)


def listed_splits(folder: Path, table: pd.DataFrame, target: str) -> pd.Series:
    """Splits by the official list files: all of ``target`` is test, the other domains' lists give train and val.

    Raises:
        MissingData: The lists are not there.
        DataError: A line or an image does not fit; the message names it.
    """
    splits: dict[str, str] = {}
    for domain in SIZES:
        parts = {"test": "test"} if domain == target else {"train": "train", "crossval": "val"}
        for part, split in parts.items():
            _read_list(folder, f"{domain}_{part}_kfold.txt", table, split, splits)
    unlisted = table["id"][~table["id"].isin(list(splits))]
    if len(unlisted):
        raise DataError(f"{unlisted.iloc[0]} is in none of the lists in {folder}. Remove it, or restore the lists.")
    return table["id"].map(splits)


def _read_list(folder: Path, name: str, table: pd.DataFrame, split: str, splits: dict[str, str]) -> None:
    """Add one list to ``splits``; a copy in ``corrected/`` wins, since one widely copied list has altered lines."""
    file = folder / "corrected" / name if (folder / "corrected" / name).is_file() else folder / name
    if not file.is_file():
        raise MissingData(f"pacs: the official protocols need the list {file} of the PACS archive. Put it there.")
    labels = dict(zip(table["id"], table["label"], strict=True))
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        path, _, label = line.rpartition(" ")
        problem = ""
        if path not in labels:
            problem = "names an image that is not there"
        elif label != str(labels[path] + 1):  # the lists count from 1
            problem = f"has the label {label} instead of {labels[path] + 1}"
        elif path in splits:
            problem = "names an image a second time"
        if problem:
            raise DataError(
                f"{file}, line {number}: {line!r} {problem}. "
                f"Restore the list, or put a corrected copy in {folder / 'corrected'}."
            )
        splits[path] = split
