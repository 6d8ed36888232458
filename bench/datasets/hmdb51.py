"""HMDB51: human motion in 6,766 clips from films and the web."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from bench.core.errors import DataError
from bench.data import Official
from bench.data.base import Counts
from bench.data.formats.clip_sets import ClipSet
from bench.data.formats.folders import file_table

LISTS, VIDEOS = "testTrainMulti_7030_splits", "hmdb51_org"
LIST_NAME = re.compile(r"(?P<action>\w+)_test_split(?P<number>[123])\.txt")
SPLITS = {"0": "", "1": "train", "2": "test"}


class HMDB51(ClipSet):
    """HMDB51: 51 human actions, 6,766 clips, three official splits of 70 + 30 clips a class (Kuehne et al., 2011).

    The folder holds ``hmdb51_org/CLASS/*.avi`` and the official lists ``testTrainMulti_7030_splits/*.txt``. Clips that
    a list marks with 0 are not used by its split. No validation data are published, so the last epoch is taken.
    """

    title = "HMDB51"
    task = "classification"
    homepage = "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/"
    licence = "CC BY 4.0"
    citation = "H. Kuehne et al., HMDB: a large video database for human motion recognition, ICCV 2011"
    folder = "hmdb51"
    download = "the homepage (hmdb51_org.rar, its inner archives unpacked, and test_train_splits.rar)"
    overlaps = ("HMDB",)
    protocols = {f"split{number}": Official(column=f"split{number}", selection="last") for number in (1, 2, 3)}
    expected: ClassVar[dict[str, Counts]] = {f"split{number}": {"train": 3570, "test": 1530} for number in (1, 2, 3)}

    def class_names(self, root: Path) -> tuple[str, ...]:
        return tuple(sorted({action for action, _ in self._lists(root)}))

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        numbers = {name: label for label, name in enumerate(self.class_names(root))}
        rows: dict[str, dict[str, Any]] = {}
        for (action, number), file in self._lists(root).items():
            for name, split in _entries(file):
                path = f"{VIDEOS}/{action}/{name}"
                row = rows.setdefault(
                    path, {"path": path, "label": numbers[action], **dict.fromkeys(self.protocols, "")}
                )
                row[f"split{number}"] = split
        missing = [path for path in rows if not (place / path).is_file()]
        if missing:
            found = f"{len(missing)} of {len(rows)} listed videos are missing, e.g. {place / missing[0]}"
            raise DataError(f"hmdb51: {found}. Unpack the archive of each class into {VIDEOS}.")
        return file_table(rows.values())

    def _lists(self, root: Path) -> dict[tuple[str, str], Path]:
        """(class, number of the split) -> list, sorted."""
        folder = self.require(root) / LISTS
        matches = {file: LIST_NAME.fullmatch(file.name) for file in sorted(folder.glob("*.txt"))}
        found = {(match["action"], match["number"]): file for file, match in matches.items() if match}
        if not found:
            raise DataError(f"hmdb51: no official lists are in {folder}. Unpack test_train_splits.rar there.")
        return found


def _entries(file: Path) -> list[tuple[str, str]]:
    """File names with "train", "test" or "".

    Raises:
        DataError: A line is neither.
    """
    entries = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        name, _, mark = line.strip().rpartition(" ")
        if not line.strip():
            continue
        if mark not in SPLITS or not name:
            raise DataError(
                f"hmdb51: {file}, line {number}: {line!r} is no file name with 0, 1 or 2. Restore the list."
            )
        entries.append((name.strip(), SPLITS[mark]))
    return entries
