"""Tables as text: rich, markdown, CSV, LaTeX, HTML and JSON."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bench.core.errors import UsageError, nearest
from bench.core.visible import visible, visible_lines
from bench.stats import Row as Estimate
from bench.tables.by_group import WIDTH, by_group
from bench.tables.latex import latex
from bench.tables.rows import Row, fact
from bench.tables.sheet import footnotes, right_aligned, sheet
from bench.tables.terminal import UNLIMITED, in_terminal

if TYPE_CHECKING:
    from bench.tables.table import Table


def render(table: Table, format: str = "text", details: bool = False) -> str:
    """The table as text.

    Args:
        details: Of ``text``: everything, in one wide table.

    Raises:
        UsageError: There is no such format.
    """
    if format not in FORMATS:
        raise UsageError(f"No table format {format!r}. {nearest(format, FORMATS)}")
    return in_terminal(table, _columns(UNLIMITED)) if details and format == "text" else FORMATS[format](table)


def _text(table: Table) -> str:
    return by_group(table, _columns(WIDTH), overview=table.everything)


def _columns(otherwise: int) -> int:
    """Of the terminal, or as ``COLUMNS`` says; a pipe has none."""
    return shutil.get_terminal_size((otherwise, 24)).columns


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


def to_json(table: Table) -> list[dict[str, Any]]:
    """Rows as plain data; a test-selected row has its numbers under names of their own."""
    return [_json_row(row, table) for row in table.rows]


def _json_row(row: Row, table: Table) -> dict[str, Any]:
    key = row.key
    plain: dict[str, Any] = {
        name: getattr(key, name) for name in ("dataset", "protocol", "backbone", "method", "recipe", "stage")
    }
    plain |= {
        "dataset_title": table.titles.dataset(key.dataset, key.protocol),
        **{f"{part}_title": table.titles.of(part, row.name(part)) for part in ("backbone", "method", "recipe")},
    }
    plain["seeds"] = row.seeds
    plain["ranks"] = list(row.ranks) if row.ranks else None
    plain["ties"] = row.letters
    for column in table.columns:
        if column in table.metrics:
            plain[column] = None if key.test_selected else _interval(row.values.get(column))
            if key.test_selected:
                plain[f"{column}_test_selected"] = _interval(row.values.get(column))
        else:
            plain[column] = fact(row, column)
    plain["warnings"] = list(row.warnings)
    plain["notes"] = [f"{word}: {text}" for word, text in row.warnings.items()]
    plain["failures"] = [
        {"cell": r.cell, "kind": r.error.kind, "message": r.error.message} for r in row.failures if r.error
    ]
    plain["cells"] = list(row.cells)
    return plain


def _interval(value: Estimate | None) -> dict[str, Any] | None:
    if value is None:
        return None
    ends = {"mean": value.mean, "low": value.low, "high": value.high, "covers": value.covers}
    return {**ends, "seed_low": value.seed_low, "seed_high": value.seed_high}


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


def _json(table: Table) -> str:
    return visible_lines(json.dumps(to_json(table), indent=2, ensure_ascii=False))


FORMATS: dict[str, Callable[[Table], str]] = {
    "text": _text,
    "md": _markdown,
    "csv": _csv,
    "latex": latex,
    "html": _html,
    "json": _json,
}
