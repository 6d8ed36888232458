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
from dataclasses import dataclass
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.core.visible import visible, visible_lines
from bench.stats import Row as Estimate
from bench.tables.metrics import metrics_of
from bench.tables.resampled import COVERS
from bench.tables.table import Table, fact, to_json
from bench.tasks.base import Metric

SELECTED = " (test-selected)"
UNLIMITED = 1000  # columns; a pipe has no width
LIFTED = ("dataset", "protocol", "backbone", "recipe")
TEXT_COLUMNS = (*LIFTED, "method", "stage", "ties", "warnings")
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
        "warnings",
    ]
    body = [
        [
            *(row.name(part) for part in parts),
            str(row.seeds),
            *([rank_text(row.ranks), row.letters] if compared else []),
            *(
                show(table.metrics[column], row.values.get(column) if row.key.test_selected == kind else None)
                for column, kind in numbers
            ),
            *(show_fact(fact(row, column)) for column in facts),
            ", ".join(row.warnings),
        ]
        for row in table.rows
    ]
    return [visible(name) for name in head], [[visible(cell) for cell in line] for line in body]


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
    kind = "splits" if value.covers == COVERS else "seeds"
    return f"{text} · {kind} {value.seed_low * scale:.{digits}f}–{value.seed_high * scale:.{digits}f}"


def show_fact(value: float | None) -> str:
    """Whole numbers with thousands separators, others with three digits; empty when unknown."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def footnotes(table: Table) -> list[str]:
    """What the warnings mean, each with the rows it concerns, then the table's own notes."""
    found = {
        f"{word}: {text}" + (f" ({', '.join(methods)})" if len(methods) <= 3 else ""): None
        for (word, text), methods in _warned(table).items()
    }
    return [visible(note) for note in (*found, *table.notes)]


def _warned(table: Table) -> dict[tuple[str, str], list[str]]:
    """(warning, meaning) -> methods that carry it."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        for warning in row.warnings.items():
            methods = found.setdefault(warning, [])
            if row.key.method not in methods:
                methods.append(row.key.method)
    return found


@dataclass(frozen=True)
class Sheet:
    """A table for people: what is the same in all rows stands in the caption.

    Attributes:
        caption: As in ``dataset: pacs, protocol: paper``; empty where nothing is the same.
        strong: (row, column) of what stands out: method and headline of a row that was separated from all others.
    """

    caption: str
    head: list[str]
    body: list[list[str]]
    strong: set[tuple[int, int]]


def sheet(table: Table) -> Sheet:
    """The table's grid, constant columns lifted into the caption."""
    head, body = grid(table)
    constant = [i for i, name in enumerate(head) if name in LIFTED and len({line[i] for line in body}) == 1]
    kept = [i for i in range(len(head)) if i not in constant]
    names = [head[i] for i in kept]
    strong = {(row, names.index(head[column])) for row, column in best(table)}
    caption = ", ".join(f"{head[i]}: {body[0][i]}" for i in constant)
    return Sheet(caption, names, [[line[i] for i in kept] for line in body], strong)


def best(table: Table) -> set[tuple[int, int]]:
    """(row, column) of `grid` to stand out."""
    head, _ = grid(table)
    places: set[tuple[int, int]] = set()
    for number, row in enumerate(table.rows):
        if row.ranks == (1, 1) and not row.key.test_selected and row.of_methods:
            headline = heading(metrics_of(row.key.task)[0])
            places |= {(number, column) for column, name in enumerate(head) if name in ("method", headline)}
    return places


def _rich(table: Table) -> str:
    """For the terminal: as wide as it needs to be."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    told = sheet(table)
    shown = RichTable(title=Text(told.caption, style="bold"), title_justify="left")
    for name in told.head:
        shown.add_column(Text(name), justify="right" if right_aligned(name) else "left", overflow="fold")
    for line in told.body:
        cells = zip(told.head, line, strict=True)
        shown.add_row(*(Text(cell, "yellow" if name == "warnings" else "") for name, cell in cells))
    text, terminal = io.StringIO(), sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else UNLIMITED
    console = Console(file=text, width=width, force_terminal=terminal, highlight=False)
    console.print(shown)
    for note in footnotes(table):
        console.print(Text(note, "dim"), soft_wrap=True)
    return text.getvalue().rstrip()


def right_aligned(name: str) -> bool:
    """Whether a column holds numbers."""
    return name not in TEXT_COLUMNS


def _markdown(table: Table) -> str:
    from tabulate import tabulate

    told = sheet(table)
    body = [
        [f"**{_plain(cell)}**" if (i, j) in told.strong and cell else _plain(cell) for j, cell in enumerate(line)]
        for i, line in enumerate(told.body)
    ]
    align = ["right" if right_aligned(name) else "left" for name in told.head]
    head = [_plain(name) for name in told.head]
    text = tabulate(body, head, tablefmt="github", colalign=align if body else None, disable_numparse=True)
    notes = [f"- {_plain(note)}" for note in footnotes(table)]
    return "\n".join([*([f"{_plain(told.caption)}.", ""] if told.caption else []), text, "", *notes]).rstrip()


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no column, no HTML, no emphasis, no link."""
    escaped = re.sub(r"[\\`*|]", r"\\\g<0>", html.escape(text, quote=False))
    return escaped.replace("](", r"]\(")


def _html(table: Table) -> str:
    told = sheet(table)
    align = [' style="text-align: right"' if right_aligned(name) else "" for name in told.head]
    bold = [[(i, j) in told.strong for j in range(len(told.head))] for i in range(len(told.body))]
    rows = "".join(
        f"<tr>{_html_cells('td', line, align, strong)}</tr>\n" for line, strong in zip(told.body, bold, strict=True)
    )
    caption = f"<caption>{html.escape(told.caption)}</caption>\n" if told.caption else ""
    notes = "".join(f"<li>{html.escape(note)}</li>\n" for note in footnotes(table))
    head = f"<tr>{_html_cells('th', told.head, align)}</tr>"
    return f"<table>\n{caption}{head}\n{rows}</table>\n<ul>\n{notes}</ul>"


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
            flat[name] = visible(flat[name]) if isinstance(flat[name], str) else flat[name]
    return flat


def _latex(table: Table) -> str:
    from bench.tables.latex import latex  # which knows the sheet

    return latex(table)


def _json(table: Table) -> str:
    return visible_lines(json.dumps(to_json(table), indent=2, ensure_ascii=False))


FORMATS: dict[str, Callable[[Table], str]] = {
    "rich": _rich,
    "md": _markdown,
    "csv": _csv,
    "latex": _latex,
    "html": _html,
    "json": _json,
}
