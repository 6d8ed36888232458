"""A table in a terminal: as wide as it needs to be, or fitted to the columns that there are."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.tables.sheet import Sheet, footnotes, heading, right_aligned, sheet

if TYPE_CHECKING:
    from bench.tables.table import Table

UNLIMITED = 1000  # columns; a pipe has no width
LEAST = 12  # columns in which a folded name can be read
SPARED = ("trainable", "n", "rank", "seeds")  # left out of a narrow terminal, in this order


def in_terminal(table: Table, width: int = UNLIMITED) -> str:
    """The table with everything that is known, as text, fitted to so many columns."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    told, notes = sheet(table), footnotes(table)
    told, left_out = fitted(told, width, [heading(metric) for metric in list(table.metrics.values())[1:]])
    notes += [f"left out of {width} columns: {', '.join(left_out)}; --format md has all"] if left_out else []
    shown = RichTable(title=Text(told.caption, style="bold"), title_justify="left")
    for name, longest in zip(told.head, _lengths(told), strict=True):
        whole = right_aligned(name) or longest <= LEAST
        shown.add_column(Text(name), justify="right" if right_aligned(name) else "left", overflow="fold", no_wrap=whole)
    for line in told.body:
        cells = zip(told.head, line, strict=True)
        shown.add_row(*(Text(cell, "yellow" if name == "warnings" else "") for name, cell in cells))
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=sys.stdout.isatty(), highlight=False)
    console.print(shown)
    for note in notes:
        console.print(Text(note, "dim"), soft_wrap=True)
    return text.getvalue().rstrip()


def fitted(told: Sheet, width: int, further: list[str]) -> tuple[Sheet, list[str]]:
    """A grid that fits so many columns if it can, and the headings that were left out for it.

    Names may fold, numbers may not: intervals go below their means, then columns are left out.

    Args:
        further: Headings of metrics that may be left out, last first, once nothing else is.
    """
    if sum(_lengths(told)) + _frame(told) <= width:
        return told, []
    body = [[cell.replace(" [", "\n[").replace(" · ", "\n") for cell in line] for line in told.body]
    told, left_out = replace(told, body=body), []
    for name in (*SPARED, *reversed(further)):
        if name in told.head and _least(told) > width:
            told = _without(told, name)
            left_out.append(name)
    return told, left_out


def _without(told: Sheet, name: str) -> Sheet:
    place = told.head.index(name)
    head, *body = ([cell for i, cell in enumerate(line) if i != place] for line in (told.head, *told.body))
    return replace(told, head=head, body=body)


def _lengths(told: Sheet) -> list[int]:
    """The longest line of each column."""
    columns = zip(told.head, *told.body, strict=True)
    return [max(len(line) for cell in column for line in [*cell.split("\n")]) for column in columns]


def _least(told: Sheet) -> int:
    """Columns that a terminal needs at least."""
    lengths = zip(told.head, _lengths(told), strict=True)
    return _frame(told) + sum(longest if right_aligned(name) else min(longest, LEAST) for name, longest in lengths)


def _frame(told: Sheet) -> int:
    return 3 * len(told.head) + 1
