"""UCF101: human actions in 13,320 clips from YouTube."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pandas as pd

from bench.core.errors import DataError
from bench.data import Official
from bench.data.base import Counts
from bench.data.formats.clip_sets import ClipSet
from bench.data.formats.folders import file_table, is_clutter, walk

LISTS, VIDEOS = "ucfTrainTestlist", "UCF-101"
# v_ApplyEyeMakeup_g08_c01.avi: class, group (one source video or person, numbered within the class), clip
NAME = re.compile(r"v_(?P<action>[A-Za-z]+)_g(?P<group>\d+)_c\d+\.avi")


class UCF101(ClipSet):
    """UCF101: 101 human actions, 13,320 clips, three official splits (Soomro, Zamir and Shah, 2012).

    The folder holds ``UCF-101/CLASS/v_CLASS_gGG_cCC.avi`` and the official lists in ``ucfTrainTestlist/``. No
    validation data are published, so the last epoch is taken. Groups are source videos; no list mixes them.
    """

    title = "UCF101"
    task = "classification"
    homepage = "https://www.crcv.ucf.edu/data/UCF101.php"
    licence = "not stated; for research"
    citation = "K. Soomro, A. R. Zamir and M. Shah, UCF101, CRCV-TR-12-01, 2012"
    folder = "ucf101"
    download = "https://www.crcv.ucf.edu/data/UCF101.php (UCF101.rar and the train/test splits)"
    group_kind = "source video"
    overlaps = ("UCF101",)
    protocols = {f"split{number}": Official(column=f"split{number}", selection="last") for number in (1, 2, 3)}
    expected: ClassVar[dict[str, Counts]] = {
        "split1": {"train": 9537, "test": 3783},
        "split2": {"train": 9586, "test": 3734},
        "split3": {"train": 9624, "test": 3696},
    }

    def class_names(self, root: Path) -> tuple[str, ...]:
        """In the order of ``classInd.txt``, whose numbers begin at 1."""
        lines = self._lines(root, "classInd.txt")
        return tuple(line.split()[1] for line in sorted(lines, key=lambda line: int(line.split()[0])))

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.require(root)
        numbers = {name: label for label, name in enumerate(self.class_names(root))}
        splits = {protocol: self._split(root, protocol[-1]) for protocol in self.protocols}
        rows = []
        for file in walk(place / VIDEOS):
            match = NAME.fullmatch(Path(file).name)
            if is_clutter(Path(file).name):
                continue
            if match is None or match["action"] not in numbers or Path(file).parent.name != match["action"]:
                raise DataError(f"ucf101: {place / VIDEOS / file} is no video of the set. Remove it.")
            columns = {protocol: names.get(file, "") for protocol, names in splits.items()}
            group = f"{match['action']}_g{match['group']}"
            rows.append({"path": f"{VIDEOS}/{file}", "label": numbers[match["action"]], "group": group, **columns})
        return file_table(rows)

    def _split(self, root: Path, number: str) -> dict[str, str]:
        """Path below the videos' folder -> "train" or "test"."""
        named = {}
        for split in ("train", "test"):
            for line in self._lines(root, f"{split}list0{number}.txt"):
                named[line.split()[0]] = split  # the training list repeats the class number behind the path
        return named

    def _lines(self, root: Path, name: str) -> list[str]:
        file = self.require(root) / LISTS / name
        if not file.is_file():
            raise DataError(f"ucf101: the official list {file} is missing. Unpack the train/test splits into {LISTS}.")
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
