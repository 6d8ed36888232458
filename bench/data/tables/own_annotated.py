"""A user's own images with annotations beside them: what the adapters for boxes and for masks share."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, PrivateAttr

from bench.core.errors import DataError
from bench.data.audit.command import audit_command
from bench.data.formats.folders import file_table, printable
from bench.data.tables.own import BY_CHANCE, BY_GROUP, OwnImages
from bench.data.tables.splits import Official
from bench.plugins.contract import must_define


class AnnotatedFolder(OwnImages):
    """Base of adapters for a folder of images and annotations; `rows` and `names` say what lies there."""

    homepage = "docs/own_images.md#boxes-and-masks"
    protocols = {
        **BY_CHANCE,
        **BY_GROUP,
        "split": Official(),
        "split_without_val": Official(selection="last"),
    }

    groups: str = Field("", description="CSV file with the columns path and group, of what must stay in one split")
    _named: dict[Path, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    @must_define
    def rows(self, place: Path) -> list[dict[str, Any]]:
        """Rows with ``path``, perhaps ``target``, and ``split`` ("" where the layout tells none)."""
        raise NotImplementedError

    @must_define
    def names(self, place: Path) -> tuple[str, ...]:
        """The names of the classes in label order."""
        raise NotImplementedError

    def location(self, root: Path) -> Path:
        return root / self.path

    def class_names(self, root: Path) -> tuple[str, ...]:
        place = self.place(root)
        self._named[place] = self.names(place)  # anew each time it is asked for, since files change
        return self._named[place]

    def known_names(self, place: Path) -> tuple[str, ...]:
        """The names, as they were when last asked for: reading a sample's target needs them."""
        if place not in self._named:
            self._named[place] = self.names(place)
        return self._named[place]

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.place(root)
        if not place.is_dir():
            raise DataError(f"{self.plugin_name()}: {place} is no folder. path must name the folder of the images.")
        rows = self.rows(place)
        if not rows:
            raise DataError(f"{self.plugin_name()}: {place} holds no annotated images.")
        table = self._divided(file_table(rows))
        if self.protocol.startswith("grouped") and not self.groups:
            how = f"{audit_command(self, root)} --groups groups.csv"
            raise DataError(f"{self.plugin_name()}: protocol={self.protocol} needs groups=FILE, which `{how}` writes.")
        if self.groups:
            table["group"] = self._grouped(table, root, place)
        elsewhere = self.external_place(root)
        if elsewhere is None:
            return table
        further = [{key: row[key] for key in row if key in ("path", "target")} for row in self.rows(elsewhere)]
        return self.with_external(table, further, root, elsewhere)

    def _divided(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with its splits where the protocol follows them; refused where it would pass over them."""
        splits = set(table["split"]) - {""}
        if self.protocol.startswith("split"):
            self.check_splits(splits)
            lost = table["id"][table["split"] == ""]
            if len(lost):
                raise DataError(f"{self.plugin_name()}: {len(lost)} images are in no split, e.g. {lost.iloc[0]}.")
            return table
        if splits:
            given = "split" if "val" in splits else "split_without_val"
            told = ", ".join(sorted(splits))
            raise DataError(f"{self.plugin_name()}: {self.path} is divided into {told}; use protocol={given}.")
        return table.drop(columns="split")

    def _grouped(self, table: pd.DataFrame, root: Path, place: Path) -> list[str]:
        """The group of each image, as the file ``groups`` says."""
        file = root / self.groups
        known = read_groups(file)
        found = [known.get((place / path).resolve(), "") for path in table["path"]]
        if "" in found:
            lacking = table["id"][found.index("")]
            raise DataError(f"{self.plugin_name()}: {found.count('')} images stand not in {file}, e.g. {lacking}.")
        return found


def read_groups(file: Path) -> Mapping[Path, str]:
    """Image -> group, as a CSV file with the columns path (relative to it) and group says.

    Raises:
        DataError: It cannot be read, or lacks a column or a value.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Cannot read the groups {printable(file)}: {error}.") from error
    for number, row in enumerate(rows, start=2):
        if not row.get("path") or not row.get("group"):
            raise DataError(f"{printable(file)}, line {number}: the columns path and group must both be filled in.")
    return {(file.parent / row["path"]).resolve(): row["group"].strip() for row in rows}
