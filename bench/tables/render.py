"""Tables as text: rich, markdown, CSV, LaTeX, HTML and JSON."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.stats import Row as Estimate
from bench.tables.metrics import metrics_of
from bench.tables.table import Table, fact, to_json
from bench.tasks.base import Metric

SELECTED = " (test-selected)"
BOLD = "@@"  # what tabulate leaves as it is in LaTeX
UNLIMITED = 1000  # columns; a pipe has no width
LIFTED = ("dataset", "protocol", "backbone", "recipe")
TEXT_COLUMNS = (*LIFTED, "method", "stage", "ties", "marks")
LATEX_SPECIAL = {
    **{char: "\\" + char for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
Grid = tuple[list[str], list[list[str]]]


def render(table: Table, format: str = "rich") -> str:
    """The table as text.

    Raises:
        UsageError: There is no such format.
    """
    if format not in FORMATS:
        raise UsageError(f"No table format {format!r}. {nearest(format, FORMATS)}")
    return FORMATS[format](table)


def grid(table: Table) -> Grid:
    """Headings and cells for people: percent with two decimals, empty where there is nothing to say.

    Test-selected rows have their numbers in columns of their own.
    """
    kinds = sorted({row.key.test_selected for row in table.rows}) or [False]
    numbers = [(column, kind) for kind in kinds for column in table.columns if column in table.metrics]
    facts = [column for column in table.columns if column not in table.metrics]
    parts = ["dataset", "protocol", "backbone", "recipe", "method", *(["stage"] if table.stages else [])]
    compared = ["rank", "ties"] if any(row.ranks for row in table.rows) else []
    head = [
        *parts,
        "seeds",
        *compared,
        *(heading(table.metrics[column]) + SELECTED * kind for column, kind in numbers),
        *facts,
        "marks",
    ]
    body = [
        [
            *(getattr(row.key, part) for part in parts),
            str(row.seeds),
            *([rank_text(row.ranks), row.letters] if compared else []),
            *(
                show(table.metrics[column], row.values.get(column) if row.key.test_selected == kind else None)
                for column, kind in numbers
            ),
            *(show_fact(fact(row, column)) for column in facts),
            ", ".join(row.marks),
        ]
        for row in table.rows
    ]
    return head, body


def rank_text(ranks: tuple[int, int] | None) -> str:
    """``2–4``: the best and the worst rank that the row may have."""
    if ranks is None:
        return ""
    return str(ranks[0]) if ranks[0] == ranks[1] else f"{ranks[0]}–{ranks[1]}"


def heading(metric: Metric) -> str:
    """A metric's heading, with its unit."""
    return f"{metric.name} {metric.unit}".strip()


def show(metric: Metric, value: Estimate | None) -> str:
    """``91.41 [90.10, 92.60]``; where the interval leaves the seeds out, their range stands beside it."""
    if value is None:
        return ""
    scale, digits = 100 if metric.unit == "%" else 1, metric.decimals
    text = f"{value.mean * scale:.{digits}f}"
    if value.low is not None and value.high is not None:
        text += f" [{value.low * scale:.{digits}f}, {value.high * scale:.{digits}f}]"
    if value.covers == "items and seeds" or value.runs < 2 or value.seed_low == value.seed_high:
        return text
    return f"{text} · seeds {value.seed_low * scale:.{digits}f}–{value.seed_high * scale:.{digits}f}"


def show_fact(value: float | None) -> str:
    """Whole numbers with thousands separators, others with three digits; empty when unknown."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def footnotes(table: Table) -> list[str]:
    """What the marks mean, each with the rows it concerns, then the table's own notes."""
    found = {
        f"{word}: {text}" + (f" ({', '.join(methods)})" if len(methods) <= 3 else ""): None
        for (word, text), methods in _marked(table).items()
    }
    return [*found, *table.notes]


def _marked(table: Table) -> dict[tuple[str, str], list[str]]:
    """(mark, meaning) -> methods that carry it."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        for mark in row.marks.items():
            methods = found.setdefault(mark, [])
            if row.key.method not in methods:
                methods.append(row.key.method)
    return found


def _rich(table: Table) -> str:
    """For the terminal: parts that never change stand above the table, which is as wide as it needs to be."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    title, (head, body) = _lift_constants(grid(table))
    shown = RichTable(title=Text(title, style="bold"), title_justify="left")
    for name, right in zip(head, _right_aligned(head), strict=True):
        shown.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for line in body:
        shown.add_row(*(Text(cell, "yellow" if name == "marks" else "") for name, cell in zip(head, line, strict=True)))
    text, terminal = io.StringIO(), sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else UNLIMITED
    console = Console(file=text, width=width, force_terminal=terminal, highlight=False)
    console.print(shown)
    for note in footnotes(table):
        console.print(Text(note, "dim"), soft_wrap=True)
    return text.getvalue().rstrip()


def _lift_constants(cells: Grid) -> tuple[str, Grid]:
    """Take out the leading columns that have one value in all rows, as ``dataset: pacs, protocol: paper``."""
    head, body = cells
    constant = [i for i, name in enumerate(head) if name in LIFTED and len({line[i] for line in body}) == 1]
    title = ", ".join(f"{head[i]}: {body[0][i]}" for i in constant)
    kept = [i for i in range(len(head)) if i not in constant]
    return title, ([head[i] for i in kept], [[line[i] for i in kept] for line in body])


def _right_aligned(head: list[str]) -> list[bool]:
    return [name not in TEXT_COLUMNS for name in head]


def _tabulate(cells: Grid, style: str) -> str:
    from tabulate import tabulate

    head, body = cells
    align = ["right" if right else "left" for right in _right_aligned(head)]
    return tabulate(body, head, tablefmt=style, colalign=align if body else None, disable_numparse=True)


def best(table: Table) -> set[tuple[int, int]]:
    """(row, column) of `grid` to stand out: method and headline of the one row that was separated from all others."""
    head, _ = grid(table)
    places: set[tuple[int, int]] = set()
    for number, row in enumerate(table.rows):
        if row.ranks == (1, 1) and not row.key.test_selected and row.of_methods:
            headline = heading(metrics_of(row.key.task)[0])
            places |= {(number, column) for column, name in enumerate(head) if name in ("method", headline)}
    return places


def _emphasised(table: Table, mark: str) -> Grid:
    """The grid with a mark before and after what stands out."""
    (head, body), places = grid(table), best(table)
    return head, [
        [f"{mark}{cell}{mark}" if (i, j) in places and cell else cell for j, cell in enumerate(line)]
        for i, line in enumerate(body)
    ]


def _markdown(table: Table) -> str:
    head, body = _emphasised(table, "**")
    text = _tabulate((head, [[cell.replace("|", "\\|") for cell in line] for line in body]), "github")
    return "\n".join([text, "", *(f"- {note}" for note in footnotes(table))]).rstrip()


def _latex(table: Table) -> str:
    """A booktabs tabular with its notes beneath."""
    notes = [f"\\par\\noindent{{\\footnotesize {_latex_text(note)}}}" for note in footnotes(table)]
    text = _tabulate(_emphasised(table, BOLD), "latex_booktabs")
    return "\n".join([re.sub(f"{BOLD}(.*?){BOLD}", r"\\textbf{\1}", text), *notes])


def _latex_text(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(char, char) for char in text)


def _html(table: Table) -> str:
    head, body = grid(table)
    places = best(table)
    align = [' style="text-align: right"' if right else "" for right in _right_aligned(head)]
    bold = [[(i, j) in places for j in range(len(head))] for i in range(len(body))]
    rows = "".join(
        f"<tr>{_html_cells('td', line, align, strong)}</tr>\n" for line, strong in zip(body, bold, strict=True)
    )
    notes = "".join(f"<li>{html.escape(note)}</li>\n" for note in footnotes(table))
    return f"<table>\n<tr>{_html_cells('th', head, align)}</tr>\n{rows}</table>\n<ul>\n{notes}</ul>"


def _html_cells(tag: str, cells: list[str], align: list[str], strong: Sequence[bool] = ()) -> str:
    shown = [html.escape(cell) for cell in cells]
    if strong:
        shown = [f"<strong>{cell}</strong>" if bold else cell for cell, bold in zip(shown, strong, strict=True)]
    return "".join(f"<{tag}{style}>{cell}</{tag}>" for cell, style in zip(shown, align, strict=True))


def _csv(table: Table) -> str:
    """For programs: fractions in full precision, an interval as three columns, lists joined by ``; ``."""
    rows = [_flat(row, table) for row in to_json(table)]
    head = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _flat(row: dict[str, Any], table: Table) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name.removesuffix("_test_selected") in table.metrics:
            flat |= {f"{name}_{end}": (value or {}).get(end) for end in ("mean", "low", "high", "covers")}
        elif name == "failures":
            flat[name] = len(value)
        else:
            flat[name] = "; ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def _json(table: Table) -> str:
    return json.dumps(to_json(table), indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Table], str]] = {
    "rich": _rich,
    "md": _markdown,
    "csv": _csv,
    "latex": _latex,
    "html": _html,
    "json": _json,
}
