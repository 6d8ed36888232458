"""Your own images, listed in a CSV file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic import Field

from bench.core.errors import DataError
from bench.data import LeaveDomainOut, Official
from bench.data.folders import file_table
from bench.data.own import HOLDOUT, OwnImages, split_name


class CsvImages(OwnImages):
    """Your own images listed in a CSV file: columns for path, label and, as needed, split, group and domain.

    Paths are relative to the CSV file. Labels may be words or numbers; classes are the sorted values.
    Protocols: as for image_folder, and ``grouped``: 60 / 20 / 20 % with no group (patient, slide, ...) in two splits.
    ``holdout`` refuses a list that has a split column: ``protocol=split`` follows it, ``split_column=""`` overrules it.
    """

    homepage = "docs/datasets.md#your-own-images"
    beside = ("*",)  # the list decides what belongs to the set
    protocols = {
        "holdout": HOLDOUT,
        "grouped": replace(HOLDOUT, group="group"),
        "split": Official(),
        "split_without_val": Official(selection="last"),
        "leave_domain_out": LeaveDomainOut(test=""),
    }

    path_column: str = Field("path", description="column with the image's path")
    label_column: str = Field("label", description="column with its class")
    split_column: str = Field("split", description='column with train / val / test; "": there is none')
    group_column: str = Field("group", description="column with what must stay together; used if it is there")
    domain_column: str = Field("domain", description="column with the domain; used if it is there")

    def location(self, root: Path) -> Path:
        return (root / self.path).parent

    def class_names(self, root: Path) -> tuple[str, ...]:
        values = self._sheet(root)[self.label_column]
        whole = values.str.fullmatch(r"\d+").all()
        return tuple(sorted(values.unique(), key=int if whole else None))

    def samples(self, root: Path) -> pd.DataFrame:
        sheet = self._sheet(root)
        numbers = {name: label for label, name in enumerate(self.class_names(root))}
        table = pd.DataFrame({"path": sheet[self.path_column], "label": sheet[self.label_column].map(numbers)})
        if self.split_column in sheet:
            table["split"] = sheet[self.split_column].map(split_name)
            self._check_protocol(set(table["split"]) - {""})
            self.check_splits(set(table["split"]) - {""})
        for name, column in (("group", self.group_column), ("domain", self.domain_column)):
            if column in sheet:
                table[name] = sheet[column]
        if "domain" in table:
            self.check_domain(set(table["domain"]))
        return file_table(table.to_dict("records"))

    def _sheet(self, root: Path) -> pd.DataFrame:
        """The CSV file with every value as text."""
        file = self.place(root)
        try:
            sheet = pd.read_csv(file, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise DataError(f"csv_images: cannot read {file}: {error}. It must be a CSV file with a header.") from error
        for column in (self.path_column, self.label_column):
            if column not in sheet:
                raise DataError(f"csv_images: {file} has no column {column!r}; it has {', '.join(sheet.columns)}.")
        domains = [self.domain_column] if self.protocol == "leave_domain_out" else []
        for column in (self.path_column, self.label_column, self.group_column, *domains):
            if column in sheet:
                _check_filled(file, sheet[column])
        return sheet

    def _check_protocol(self, splits: set[str]) -> None:
        """Given splits are never drawn anew by default."""
        if self.protocol == "holdout" and splits:
            given = "split" if "val" in splits else "split_without_val"
            raise DataError(
                f"csv_images: {self.path} has the splits {', '.join(sorted(splits))} in the column "
                f'{self.split_column!r}; use protocol={given}, or split_column="" to draw other ones.'
            )


def _check_filled(file: Path, column: pd.Series) -> None:
    empty = (column.str.strip() == "").to_numpy()
    if empty.any():
        line = int(empty.argmax()) + 2
        raise DataError(f"csv_images: {file}, line {line}: {column.name} is empty. Fill it in, or remove the line.")
