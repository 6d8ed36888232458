"""Tables of the report: columns and rows as the pages and their script share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "number", "prose"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: Its name in the page's address.
        kind: How it is aligned and sorted; prose is text that needs room.
        hint: What it means, for its heading.
        hidden: Left out until asked for.
        first: The order of a first click: "down" where more is better or larger is of interest.
    """

    key: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    hidden: bool = False
    first: Literal["up", "down"] = "up"


@dataclass(frozen=True)
class Cell:
    """One place of a table.

    Attributes:
        text: What is shown.
        sort: What is sorted by, where that is not the text.
        href: Where it leads.
        warnings: Short words shown as labels.
    """

    text: str = ""
    sort: float | None = None
    href: str = ""
    warnings: tuple[str, ...] = ()

    def plain(self) -> Any:
        """For the script: the text alone where there is nothing else."""
        if not self.href and not self.warnings and self.sort is None:
            return self.text
        return [self.text, self.sort, self.href, list(self.warnings)]


@dataclass(frozen=True)
class Line:
    """One row; ``kind`` is a class of the page's style, such as ``trivial baseline``."""

    cells: tuple[Cell, ...]
    kind: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table of a page.

    Attributes:
        id: Its name in the page.
        caption: What it shows.
        sort: Column and direction that it comes sorted by.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    sort: tuple[str, str] = ("", "up")

    @property
    def naming(self) -> int:
        """The column that names its row: the first one of text."""
        return next(place for place, column in enumerate(self.columns) if column.kind == "text")

    def plain(self) -> dict[str, Any]:
        """For the script."""
        return {
            "caption": self.caption,
            "columns": [
                {"key": c.key, "label": c.label, "kind": c.kind, "hint": c.hint, "hidden": c.hidden, "first": c.first}
                for c in self.columns
            ],
            "rows": [[cell.plain() for cell in line.cells] for line in self.lines],
            "kinds": {str(i): line.kind for i, line in enumerate(self.lines) if line.kind},
            "sort": list(self.sort),
            "naming": self.naming,
        }

    def csv(self) -> str:
        """All rows, in the order of the columns."""
        import csv
        import io

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.label for column in self.columns])
        writer.writerows(
            [
                [defused(", ".join((cell.text, *cell.warnings)).strip(", ")) for cell in line.cells]
                for line in self.lines
            ]
        )
        return text.getvalue()


def defused(text: str) -> str:
    """A spreadsheet runs what begins like a formula; numbers may begin with a sign."""
    risky = text[:1] in ("=", "@", "\t", "\r") or (text[:1] in ("+", "-") and not text[1:2].isdigit())
    return f"'{text}" if risky else text


def number(value: float | None, text: str) -> Cell:
    """A number as people read it, sorted by its value; unknown ones stand last."""
    return Cell("" if value is None else text, value)
