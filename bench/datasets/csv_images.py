"""Your own images, listed in a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from bench.core.errors import DataError
from bench.data.tables.label_cells import labels_of, number, yes_or_no
from bench.data.tables.manifest import ListedFiles


class CsvImages(ListedFiles):
    """Your own images listed in a CSV file: columns for path, label and, as needed, split, group and domain.

    ``path`` is the CSV file, or a folder that holds a single one; columns are separated by commas, semicolons, tabs or
    bars. An Excel file (.xlsx) is read too, with the extra ``excel``. Paths are relative to the list. Labels may be
    words or numbers; classes are the sorted values.
    ``task=multilabel`` reads several labels a sample: columns of 0 and 1, which ``label_columns`` names, or one column
    whose cells name them (``rust;crack``, or nothing). ``task=regression`` reads a number from ``label_column``.
    Protocols: as for image_folder, and ``grouped``: 60 / 20 / 20 % with no group (patient, slide, ...) in two splits.
    ``holdout`` refuses a list that has a split column: ``protocol=split`` follows it, ``split_column=""`` overrules it.
    """

    title = "Own images in a list"
    words = {"task=multilabel": "several labels", "task=regression": "a number", "label_columns": "{}",
             "label_column": "{}"}  # fmt: skip
    reads = "list"
    learns = {"number": "regression", "several": "multilabel"}
    homepage = "docs/datasets.md#your-own-images"

    task: Literal["classification", "multilabel", "regression"] = Field(  # type: ignore[misc]
        "classification", description="what is learned: a class, several labels, or a number"
    )
    label_columns: tuple[str, ...] = Field((), description="columns of 0 and 1, of task=multilabel")

    @model_validator(mode="after")
    def _label_columns_are_of_use(self) -> Self:
        if self.label_columns and self.task != "multilabel":
            raise ValueError("label_columns is for several labels a sample: give task=multilabel too")
        return self

    def class_names(self, root: Path) -> tuple[str, ...]:
        if self.task == "classification":
            return super().class_names(root)
        if self.task == "regression" or self.label_columns:
            return self.label_columns
        return tuple(sorted(set[str]().union(*labels_of(self.sheet(root)[self.label_column].tolist()))))

    def target_columns(self) -> tuple[str, ...]:
        return self.label_columns or (self.label_column,)

    def filled_columns(self) -> tuple[str, ...]:
        """All, but a cell that names labels names none where it is empty."""
        return () if self.task == "multilabel" and not self.label_columns else self.target_columns()

    def learned(self, sheet: pd.DataFrame, names: tuple[str, ...]) -> dict[str, pd.Series]:
        if self.task == "classification":
            return super().learned(sheet, names)
        if self.task == "regression":
            return {"value": self._checked(sheet[self.label_column].map(number), sheet, "no number")}
        if not self.label_columns:
            return {"labels": self._named_in_cells(sheet[self.label_column], names)}
        columns = [
            self._checked(pd.Series(yes_or_no(sheet[column].tolist()), sheet.index, name=column), sheet, "not 0 or 1")
            for column in self.label_columns
        ]
        rows = zip(*(column.astype(int).tolist() for column in columns), strict=True)
        return {"labels": pd.Series(list(rows), sheet.index)}

    def _checked(self, values: pd.Series, sheet: pd.DataFrame, problem: str) -> pd.Series:
        """The values of a column, or a DataError that names the first line whose cell holds none."""
        lost = values.index[values.isna()]
        if len(lost):
            cell = sheet[values.name][lost[0]]
            where = f"{self.plugin_name()}: {self.path}, line {lost[0]}, column {values.name!r}"
            raise DataError(f"{where}: {cell!r} is {problem}. Correct it, or remove the line.")
        return values

    def _named_in_cells(self, column: pd.Series, names: tuple[str, ...]) -> pd.Series:
        found = labels_of(column.tolist())
        if unknown := sorted(set[str]().union(*found) - set(names)):
            raise DataError(
                f"{self.plugin_name()}: {self.external} has the label {unknown[0]!r}, which {self.path} lacks."
            )
        return pd.Series([tuple(int(name in labels) for name in names) for labels in found], column.index)
