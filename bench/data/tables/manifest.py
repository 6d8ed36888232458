"""Your own files in a table: what the adapters that read a list have in common."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import Field

from bench.core.errors import DataError, guess
from bench.data.formats.folders import file_table
from bench.data.tables.excel import is_excel, read_excel
from bench.data.tables.label_cells import no_classes
from bench.data.tables.names import alike, is_empty
from bench.data.tables.own import BY_CHANCE, BY_GROUP, OwnImages, split_name
from bench.data.tables.splits import LeaveDomainOut, Official

_ENCODING = "utf-8-sig"  # what spreadsheets write begins with a mark
_SEPARATORS = (",", ";", "\t", "|")
_LISTS = (".csv", ".tsv")


def _lists(folder: Path) -> list[Path]:
    return sorted(
        file for file in folder.iterdir() if (file.suffix.lower() in _LISTS or is_excel(file)) and file.is_file()
    )


class ListedFiles(OwnImages):
    """Base of adapters that read a table with a header, one line a sample; see `bench.datasets.csv_images`."""

    learns: ClassVar[dict[str, str]] = {}  # what labels are that are no classes -> the task that learns them

    separator: ClassVar[dict[str, str]] = {".tsv": "\t"}  # by the table's suffix; others are separated by commas
    beside = ("*",)  # the list decides what belongs to the set
    protocols = {
        **BY_CHANCE,
        **BY_GROUP,
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
        return self._list(root).parent

    def place(self, root: Path) -> Path:
        """Return the list; of a folder that holds a single one that one.

        Raises:
            MissingData: ``path`` is not set, or nothing is there.
            DataError: It is a folder that holds no list, or several.
        """
        super().place(root)
        file = self._list(root)
        if file.is_file():
            return file
        if not file.is_dir():
            raise DataError(f"{self.plugin_name()}: {file} is no file. path must name the list of the images.")
        found = ", ".join(list_.name for list_ in _lists(file)) or "none"
        raise DataError(
            f"{self.plugin_name()}: path names the folder {file}; it must name the list, a CSV file. Found: {found}."
        )

    def _list(self, root: Path) -> Path:
        """The file that ``path`` means, there or not."""
        given = root / self.path
        inside = _lists(given) if given.is_dir() else []
        return inside[0] if len(inside) == 1 else given

    def class_names(self, root: Path) -> tuple[str, ...]:
        values = self.sheet(root)[self.label_column]
        whole = values.str.fullmatch(r"\d+").all()
        return tuple(sorted(values.unique(), key=int if whole else None))

    def samples(self, root: Path) -> pd.DataFrame:
        sheet = self.sheet(root)
        names = self.class_names(root)
        table = self._columns(sheet, names)
        if self.split_column in sheet:
            table["split"] = sheet[self.split_column].map(split_name)
            self._check_protocol(set(table["split"]) - {""})
            self.check_splits(set(table["split"]) - {""})
        if "domain" in table:
            self.check_domain(set(table["domain"]))
        found, elsewhere = file_table(table.to_dict("records")), self.external_place(root)
        if elsewhere is None:
            return found
        further = self._columns(self.sheet(root, elsewhere), names).to_dict("records")
        return self.with_external(found, further, root, elsewhere.parent)

    def _columns(self, sheet: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
        """Paths, targets and what else the list says of its samples; errors are those of `learned`."""
        table = pd.DataFrame({"path": sheet[self.path_column], **self.learned(sheet, names)})
        for name, column in self.further().items():
            if column in sheet:
                table[name] = sheet[column]
        return table

    def target_columns(self) -> tuple[str, ...]:
        """Columns of the list that say what is learned; they must be there."""
        return (self.label_column,)

    def filled_columns(self) -> tuple[str, ...]:
        """Those in which no cell may be empty."""
        return self.target_columns()

    def learned(self, sheet: pd.DataFrame, names: tuple[str, ...]) -> dict[str, pd.Series]:
        """Column of the samples' table -> what is learned, as the task reads it.

        Raises:
            DataError: A class is none of those that train.
        """
        numbers = {name: label for label, name in enumerate(names)}
        if unknown := sorted(set(sheet[self.label_column]) - numbers.keys()):
            raise DataError(
                f"{self.plugin_name()}: {self.external} has the class {unknown[0]!r}, which {self.path} lacks."
            )
        return {"label": sheet[self.label_column].map(numbers)}

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
            sheet = self._table(file, self._rows(file))
        except (OSError, ValueError) as error:
            raise DataError(f"{name}: cannot read {file}: {error}. It must be a CSV file with a header.") from error
        self._check_columns(file, sheet)
        domains, single = [self.domain_column] * (self.protocol == "leave_domain_out"), self.task_plugin.single_label
        for column in (self.path_column, *self.filled_columns(), self.group_column, *domains):
            if column in sheet:
                self._check_filled(file, sheet[column])
        named = {self.group_column, self.domain_column, self.split_column, *self.target_columns()}
        for column in named & set(sheet):
            sheet[column] = sheet[column].str.strip()
            words = column != self.split_column and (column not in self.target_columns() or single)
            if words and (problem := alike(sheet[column])):
                raise DataError(f"{name}: {file}, column {column!r}: {problem}. Write them alike.")
        problem, what = no_classes(sheet[self.label_column].tolist()) if single else ("", "")
        if problem:
            instead = f" Or learn them as they are: task={self.learns[what]}." if what in self.learns else ""
            raise DataError(f"{name}: {file}, column {self.label_column!r}: {problem}.{instead}")
        return sheet

    def _check_columns(self, file: Path, sheet: pd.DataFrame) -> None:
        """The columns that are needed are there, and so are those that the person named.

        Raises:
            DataError: One is not; the message names the nearest.
        """
        names = [str(name) for name in sheet.columns]
        for field, column in self._asked_for():
            if column not in sheet:
                hint = guess(column, names)
                raise DataError(
                    f"{self.plugin_name()}: {file} has no column {column!r}; it has {', '.join(names) or 'none'}."
                    f"{hint and ' ' + hint} Rename one, or give {field}=NAME."
                )

    def _asked_for(self) -> Iterator[tuple[str, str]]:
        """Fields that name columns, each with a column that must be there."""
        for field in (name for name in type(self).model_fields if name.endswith("_column")):
            column, usual = getattr(self, field), type(self).model_fields[field].default
            if field == "path_column" or column in self.target_columns() or column not in ("", usual):
                yield field, column
        yield from (("label_columns", column) for column in self.target_columns())

    def _rows(self, file: Path) -> list[tuple[int, list[str]]]:
        """Lines of the file with their numbers, as they are written; those without a value are left out."""
        if is_excel(file):
            numbered = list(enumerate(read_excel(file, self.worksheet), start=1))
        elif self.worksheet:
            raise DataError(f"{self.plugin_name()}: {file} has no worksheets. Leave worksheet={self.worksheet} out.")
        else:
            with file.open(encoding=_ENCODING, newline="") as stream:
                reader = csv.reader(stream, delimiter=self._separator(file))
                try:
                    numbered = [(reader.line_num, row) for row in reader]
                except csv.Error as error:
                    raise DataError(f"{self.plugin_name()}: cannot read {file}: {error}.") from error
        return [(number, row) for number, row in numbered if any(row)]

    def _table(self, file: Path, rows: list[tuple[int, list[str]]]) -> pd.DataFrame:
        """The lines by the names in the first, without guesses at types or what is missing; the index is their number.

        Raises:
            DataError: A column is named twice, or a line has more values than there are names.
        """
        header = [name.strip() for name in rows[0][1]] if rows else []
        while header and not header[-1]:  # a separator at the line's end
            header.pop()
        if twice := next((name for name in header if header.count(name) > 1), None):
            raise DataError(f"{self.plugin_name()}: {file} has two columns {twice!r}. Rename or remove one.")
        for number, row in rows[1:]:
            if any(value.strip() for value in row[len(header) :]):
                raise DataError(
                    f"{self.plugin_name()}: {file}, line {number}: {len(row)} values for {len(header)} columns. Quote "
                    "values that hold the separator."
                )
        width, numbers = len(header), [number for number, _ in rows[1:]]
        cells = [(row + [""] * width)[:width] for _, row in rows[1:]]
        return pd.DataFrame(cells, index=numbers, columns=header, dtype=object)

    def _separator(self, file: Path) -> str:
        """What separates the columns: the one of the file's suffix, unless the header is divided by another."""
        usual = self.separator.get(file.suffix.lower(), ",")
        with file.open(encoding=_ENCODING) as lines:
            header = lines.readline().rstrip("\r\n")
        needed = {self.path_column, *self.target_columns()}
        for separator in (usual, *_SEPARATORS):
            if needed <= {name.strip('" ') for name in header.split(separator)}:
                return separator
        return usual

    def _check_protocol(self, splits: set[str]) -> None:
        """Given splits are never drawn anew by default."""
        if self.protocol in BY_CHANCE and splits:
            given = "split" if "val" in splits else "split_without_val"
            raise DataError(
                f"{self.plugin_name()}: {self.path} has the splits {', '.join(sorted(splits))} in the column "
                f'{self.split_column!r}; use protocol={given}, or split_column="" to draw other ones.'
            )

    def _check_filled(self, file: Path, column: pd.Series) -> None:
        empty = column.map(is_empty).to_numpy(dtype=bool)
        if empty.any():
            place = int(empty.argmax())
            written = f" ({column.iloc[place]})" if column.iloc[place].strip() else ""
            where = f"{self.plugin_name()}: {file}, line {column.index[place]}"
            raise DataError(f"{where}: {column.name} is empty{written}. Fill it in, or remove the line.")
