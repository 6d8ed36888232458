"""Lists kept in Excel files, through pandas and openpyxl (the extra ``excel``)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd

from bench.core import extras
from bench.core.errors import DataError

SUFFIXES = (".xlsx", ".xlsm")
OLD = (".xls", ".xlsb", ".ods")


def is_excel(file: Path) -> bool:
    """Whether a file's name says that a spreadsheet program wrote it."""
    return file.suffix.lower() in (*SUFFIXES, *OLD)


def read_excel(file: Path, worksheet: str = "") -> list[list[str]]:
    """The rows of one worksheet as text, "" where a cell is empty; whole numbers have no decimal places.

    Args:
        worksheet: Its name, where the file has several with something in them.

    Raises:
        DataError: The file is no workbook, of an old format, or leaves open which worksheet is meant.
        UsageError: openpyxl is not installed.
    """
    if file.suffix.lower() in OLD:
        raise DataError(f"{file}: save it as .xlsx or .csv; {file.suffix} is not read here.")
    extras.check("openpyxl", f"Reading {file}")
    try:
        found = pd.read_excel(
            file, sheet_name=None, header=None, dtype=object, keep_default_na=False, engine="openpyxl"
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"Cannot read {file}: {error}. It must be an Excel workbook.") from error
    filled = {name: sheet for name, sheet in found.items() if len(sheet.columns)}
    if worksheet and worksheet not in filled:
        raise DataError(f"{file} has no worksheet {worksheet!r}; it has {', '.join(filled) or 'none'}.")
    if not worksheet and len(filled) != 1:
        raise DataError(f"{file} has {len(filled)} worksheets: {', '.join(filled)}. Say which: worksheet=NAME.")
    sheet = filled[worksheet or next(iter(filled))]
    rows: list[list[str]] = sheet.map(_text).to_numpy().tolist()
    return rows


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
