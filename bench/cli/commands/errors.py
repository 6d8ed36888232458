"""`bench errors`: what a row's runs got wrong, in a format."""

from __future__ import annotations

from pathlib import Path

from bench.api.errors import errors
from bench.records import Store


def text(
    cell: str, results: Store, split: str = "test", shown: int = 10, format: str = "text", data: Path | None = None,
    files: Path | None = None, sheet: Path | None = None,
) -> str:  # fmt: skip
    """Text of ``bench errors``; errors are those of `bench.errors`, and an unknown format."""
    return errors(cell, results=results, split=split, shown=shown, data=data, files=files, sheet=sheet).text(format)
