"""A table as people read it: headings and cells as text, what all rows share in the caption, warnings as footnotes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.visible import visible
from bench.stats import Row as Estimate
from bench.tables.metrics import metrics_of
from bench.tables.resampled import COVERS
from bench.tables.rows import fact
from bench.tasks.base import Metric

if TYPE_CHECKING:
    from bench.tables.table import Table

SELECTED = " (test-selected)"
LIFTED = ("dataset", "protocol", "backbone", "recipe")
TEXT_COLUMNS = (*LIFTED, "method", "stage", "ties", "warnings")
Grid = tuple[list[str], list[list[str]]]


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
    return [visible(note) for note in (*found, *table.notes, *table.always)]


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


def right_aligned(name: str) -> bool:
    """Whether a column holds numbers."""
    return name not in TEXT_COLUMNS
