"""Your own files in a table: what the adapters that read a list have in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import Field

from bench.core.errors import DataError
from bench.data.excel import is_excel, read_excel
from bench.data.folders import file_table
from bench.data.own import HOLDOUT, OwnImages, split_name
from bench.data.splits import LeaveDomainOut, Official


class ListedFiles(OwnImages):
    """Base of adapters that read a table with a header, one line a sample; see `bench.datasets.csv_images`."""

    separator: ClassVar[dict[str, str]] = {".tsv": "\t"}  # by the table's suffix; others are separated by commas
    beside = ("*",)  # the list decides what belongs to the set
    protocols = {
        "holdout": HOLDOUT,
        "grouped": replace(HOLDOUT, group="group"),
        "split": Official(),
        "split_without_val": Official(selection="last"),
        "leave_domain_out": LeaveDomainOut(test=""),
    }

    path_column: str = Field("path", description="column with the file's path")
    label_column: str = Field("label", description="column with its class")
    split_column: str = Field("split", description='column with train / val / test; "": there is none')
    group_column: str = Field("group", description="column with what must stay together; used if it is there")
    worksheet: str = Field("", description="of an Excel file that has several")
    domain_column: str = Field("domain", description="column with the domain; used if it is there")

    def location(self, root: Path) -> Path:
        return (root / self.path).parent

    def class_names(self, root: Path) -> tuple[str, ...]:
        values = self.sheet(root)[self.label_column]
        whole = values.str.fullmatch(r"\d+").all()
        return tuple(sorted(values.unique(), key=int if whole else None))

    def samples(self, root: Path) -> pd.DataFrame:
        sheet = self.sheet(root)
        numbers = {name: label for label, name in enumerate(self.class_names(root))}
        table = self._columns(sheet, numbers)
        if self.split_column in sheet:
            table["split"] = sheet[self.split_column].map(split_name)
            self._check_protocol(set(table["split"]) - {""})
            self.check_splits(set(table["split"]) - {""})
        if "domain" in table:
            self.check_domain(set(table["domain"]))
        found, elsewhere = file_table(table.to_dict("records")), self.external_place(root)
        if elsewhere is None:
            return found
        further = self._columns(self.sheet(root, elsewhere), numbers).to_dict("records")
        return self.with_external(found, further, root, elsewhere.parent)

    def _columns(self, sheet: pd.DataFrame, numbers: dict[str, int]) -> pd.DataFrame:
        """Paths, labels and what else the list says of its samples.

        Raises:
            DataError: A class is none of those that train.
        """
        if unknown := sorted(set(sheet[self.label_column]) - numbers.keys()):
            raise DataError(
                f"{self.plugin_name()}: {self.external} has the class {unknown[0]!r}, which {self.path} lacks."
            )
        table = pd.DataFrame({"path": sheet[self.path_column], "label": sheet[self.label_column].map(numbers)})
        for name, column in self.further().items():
            if column in sheet:
                table[name] = sheet[column]
        return table

    def further(self) -> dict[str, str]:
        """Column of the samples' table -> column of the list it is taken from, where the list has it."""
        return {"group": self.group_column, "domain": self.domain_column}

    def sheet(self, root: Path, file: Path | None = None) -> pd.DataFrame:
        """The list with every value as text.

        Args:
            file: Another list of the same form; default: the one that ``path`` names.

        Raises:
            DataError: It cannot be read, a column is missing, or a cell that is needed is empty.
        """
        file, name = file or self.place(root), self.plugin_name()
        try:
            separator = self.separator.get(file.suffix.lower(), ",")
            sheet = (
                read_excel(file, self.worksheet)
                if is_excel(file)
                else pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
            )
        except (OSError, ValueError) as error:
            raise DataError(f"{name}: cannot read {file}: {error}. It must be a CSV file with a header.") from error
        for column in (self.path_column, self.label_column):
            if column not in sheet:
                raise DataError(f"{name}: {file} has no column {column!r}; it has {', '.join(sheet.columns)}.")
        domains = [self.domain_column] if self.protocol == "leave_domain_out" else []
        for column in (self.path_column, self.label_column, self.group_column, *domains):
            if column in sheet:
                self._check_filled(file, sheet[column])
        return sheet

    def _check_protocol(self, splits: set[str]) -> None:
        """Given splits are never drawn anew by default."""
        if self.protocol == "holdout" and splits:
            given = "split" if "val" in splits else "split_without_val"
            raise DataError(
                f"{self.plugin_name()}: {self.path} has the splits {', '.join(sorted(splits))} in the column "
                f'{self.split_column!r}; use protocol={given}, or split_column="" to draw other ones.'
            )

    def _check_filled(self, file: Path, column: pd.Series) -> None:
        empty = (column.str.strip() == "").to_numpy()
        if empty.any():
            where = f"{file}, line {int(empty.argmax()) + 2}"
            raise DataError(f"{self.plugin_name()}: {where}: {column.name} is empty. Fill it in, or remove the line.")
