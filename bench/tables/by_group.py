"""A table as a person reads it: one comparison group after another, best first, with what follows from it.

A heading says what all rows share; a row has the score with its interval, whether the best differs from it, and what
it costs; below stand the warnings that occur, and `bench.tables.findings` in at most four lines.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.core.visible import visible
from bench.stats import Row as Estimate
from bench.stats.comparison import METHODS
from bench.tables.averages import MEAN
from bench.tables.comparison_groups import Compared, Place, name_of
from bench.tables.findings import findings, labels
from bench.tables.metrics import metrics_of
from bench.tables.rows import Key, Row, fact
from bench.tables.sheet import heading, show_fact
from bench.tables.titles import Titles
from bench.tasks.base import Metric

if TYPE_CHECKING:
    from bench.tables.table import Table

WIDTH = 100
GAP = "  "
LEAST = 20  # columns in which a folded name can be read
OVERVIEW = 3  # with more groups and nothing chosen, one line a group


@dataclass(frozen=True)
class Column:
    """One column of a group.

    Attributes:
        dropped: The higher, the sooner it is left out of a narrow table; 0: never.
    """

    head: str
    cells: list[str]
    right: bool = True
    dropped: int = 0

    @property
    def width(self) -> int:
        """Of its longest cell."""
        return max(map(len, [self.head, *self.cells]))


def by_group(table: Table, width: int = WIDTH, overview: bool = False) -> str:
    """The table as text.

    Args:
        width: Columns of the text; what does not fit is left out in the order of `Column.dropped`, names fold.
        overview: One line a group where there are more than three.
    """
    rows = {row.key: row for row in table.rows}
    groups = [compared for compared in table.compared if any(rows[key].values for key in compared.members)]
    if overview and len(groups) > OVERVIEW:
        return _overview(groups, rows, table.titles, width)
    groups += _of_means(table.rows)
    shown = {key for compared in groups for key in compared.members}
    parts = [_group(compared, _with_earlier(compared, table.rows), table, width) for compared in groups]
    parts.append(_failed(row, table.titles) for row in table.rows if not row.values and row.key not in shown)
    parts.append(line for note in table.always for line in _wrapped(note, width))
    return visible_text("\n\n".join(text for part in parts if (text := "\n".join(part))))


def _of_means(rows: Sequence[Row]) -> list[Compared]:
    """Means over protocols as groups in which nothing is compared."""
    found: dict[Place, list[Key]] = {}
    for row in rows:
        if MEAN in row.warnings:
            key = row.key
            place = Place(key.task, key.dataset, key.protocol, "", key.recipe, key.test_selected, "")
            found.setdefault(place, []).append(key)
    return [Compared(place, (), metrics_of(place.task)[0], None, "", tuple(keys)) for place, keys in found.items()]


def _with_earlier(compared: Compared, rows: Sequence[Row]) -> list[Row]:
    """The rows of a group, and those of earlier stages of its methods, which are shown and compared with nothing."""
    own = {replace(key, stage="") for key in compared.members}
    return [row for row in rows if replace(row.key, stage="") in own and (row.values or row.key in compared.members)]


def visible_text(text: str) -> str:
    """Without what would move the cursor of a terminal."""
    return "\n".join(visible(line) for line in text.split("\n"))


def group_title(compared: Compared, titles: Titles) -> str:
    """What all rows of a group share, in words."""
    place, backbones = compared.place, {key.backbone for key in compared.members}
    backbone = titles.of("backbone", next(iter(backbones))) if len(backbones) == 1 else f"{len(backbones)} backbones"
    recipe = f"recipe {titles.of('recipe', place.recipe)}" if not titles.canonical else f"recipe {place.recipe}"
    rates = ["each method at its own learning rate"] if len({key.recipe for key in compared.members}) > 1 else []
    selected = ["selected on the test split"] if place.test_selected else []
    return " · ".join([titles.dataset(place.dataset, place.protocol), backbone, recipe, *rates, *selected])


def _group(compared: Compared, rows: Sequence[Row], table: Table, width: int) -> Iterator[str]:
    """Heading, rows, legend and findings of one group."""
    metric, titles = compared.metric, table.titles
    rows = sorted(rows, key=lambda row: _order(row, metric))
    everywhere = [text for text in _warnings(rows[0]) if len(rows) > 1 and all(text in _warnings(row) for row in rows)]
    notes = _legend(rows, everywhere)
    columns = _fitted(_columns(compared, rows, table, titles, notes), width)
    yield from _wrapped(_heading(compared, rows, titles), width)
    yield GAP.join(_cell(column, column.head) for column in columns).rstrip()
    for number in range(len(rows)):
        yield from _line(columns, number)
    for text in everywhere:
        yield from _wrapped(f"all rows: {text}", width, "  ")
    for code, text in ((str(number), text) for text, number in notes.items()):
        yield from _wrapped(f"{code} {text}", width, " " * (len(code) + 1))
    if compared.verdicts is not None and any(cell.startswith("(") for column in columns for cell in column.cells):
        yield from _wrapped("( ) fewer than three seeds: these models only, no verdict on the method", width, "    ")
    for sentence in findings(compared, labels(compared, rows, titles), table.evaluations):
        yield from _wrapped(sentence, width, "  ")


def _heading(compared: Compared, rows: Sequence[Row], titles: Titles) -> str:
    seeds = {row.seeds for row in rows}
    counts = [f"{rows[0].n:,} test images"] if rows[0].n and compared.place.task else []
    tried = {int(number) for row in rows if (number := row.facts.get("trials") or 0)}
    counts += [f"{_span(tried)} trials each"] if tried and max(tried) > 1 else []
    shared = [*counts, *([f"{rows[0].seeds} seed{'s' * (rows[0].seeds != 1)}"] if len(seeds) == 1 else [])]
    return " · ".join([group_title(compared, titles), *shared])


def _span(numbers: set[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if len(numbers) > 1 else str(*numbers)


def _order(row: Row, metric: Metric) -> tuple[bool, float]:
    value = row.values.get(metric.name)
    if value is None:
        return True, 0.0
    return False, -value.mean if metric.higher_is_better else value.mean


def _columns(
    compared: Compared, rows: Sequence[Row], table: Table, titles: Titles, notes: dict[str, int]
) -> list[Column]:
    """All columns, in order; a constant one is not there."""
    metric, stages = compared.metric, {row.key.stage for row in rows} if table.stages else set()
    found = [Column("method", [titles.of("method", row.name("method")) for row in rows], right=False)]
    if len({row.key.backbone for row in rows}) > 1:
        found.append(Column("backbone", [titles.of("backbone", row.name("backbone")) for row in rows], right=False))
    if len(stages) > 1:
        found.append(Column("stage", [row.key.stage for row in rows], right=False))
    if len({row.seeds for row in rows}) > 1:
        found.append(Column("seeds", [str(row.seeds) for row in rows], dropped=2))
    found.append(Column(heading(metric), [number(metric, row.values.get(metric.name), interval=True) for row in rows]))
    if len(rows) > 1:
        found.append(Column("vs best", _against_best(compared, rows)))
    others = [name for name in table.columns if name in table.metrics and name != metric.name]
    for place, name in enumerate(others):
        cells = [number(table.metrics[name], row.values.get(name)) for row in rows]
        found.append(Column(heading(table.metrics[name]), cells, dropped=4 + place))
    for name in [name for name in table.columns if name not in table.metrics and name != "n"]:
        cells = [_short(fact(row, name)) if name == "trainable" else show_fact(fact(row, name)) for row in rows]
        found.append(Column(name, cells, dropped=3 if name != "trainable" else 1))
    if notes:
        codes = [",".join(str(notes[text]) for text in _warnings(row) if text in notes) for row in rows]
        found.append(Column("warn", codes, right=False))
    return [column for column in found if any(column.cells)]


def number(metric: Metric, value: Estimate | None, interval: bool = False) -> str:
    """``48.7`` or ``48.7 [43.5, 53.9]``: a decimal of percent; empty where it is not known."""
    if value is None:
        return ""
    scale, digits = (100, 1) if metric.unit == "%" else (1, metric.decimals)
    text = f"{value.mean * scale:.{digits}f}"
    if interval and value.low is not None and value.high is not None:
        text += f" [{value.low * scale:.{digits}f}, {value.high * scale:.{digits}f}]"
    return text


def _against_best(compared: Compared, rows: Sequence[Row]) -> list[str]:
    """best, n.s., or the significant difference; in brackets where fewer than three seeds allow no verdict."""
    best, verdicts = rows[0], compared.verdicts
    told = []
    for row in rows:
        gap = _gap(compared.metric, row, best)
        if row is best:
            told.append("best")
        elif row.key not in compared.members:
            told.append("")
        elif row.key in compared.over_splits:
            told.append(gap if compared.over_splits[row.key] else "n.s.")
        elif verdicts is None or not {row.key, best.key} <= set(compared.keys):
            told.append(f"({gap})")
        else:
            pair = verdicts.pair(name_of(best.key), name_of(row.key))
            shown = gap if pair.different else "n.s."
            told.append(shown if pair.scope == METHODS else f"({shown})")
    return told


def _gap(metric: Metric, row: Row, best: Row) -> str:
    one, other = row.values.get(metric.name), best.values.get(metric.name)
    if one is None or other is None:
        return ""
    scale, digits = (100, 1) if metric.unit == "%" else (1, metric.decimals)
    return f"{(one.mean - other.mean) * scale:+.{digits}f}"


def _short(value: float | None) -> str:
    """Trained parameters: 0, 1,351, 75 k, 5.5 M."""
    if value is None:
        return ""
    if value < 10_000:
        return f"{value:,.0f}"
    return f"{value / 1e3:,.0f} k" if value < 999_500 else f"{value / 1e6:,.1f} M"


def _warnings(row: Row) -> list[str]:
    return [f"{word}: {text}" for word, text in row.warnings.items() if word != MEAN]


def _legend(rows: Sequence[Row], everywhere: Sequence[str]) -> dict[str, int]:
    """Each warning that occurs, but not in all rows -> its code."""
    found = dict.fromkeys(text for row in rows for text in _warnings(row) if text not in everywhere)
    return {text: place for place, text in enumerate(found, start=1)}


def _fitted(columns: list[Column], width: int) -> list[Column]:
    """Without the columns that are dropped first, until the others fit."""
    kept = list(columns)
    while _needed(kept) > width and any(column.dropped for column in kept):
        kept.remove(max(kept, key=lambda column: column.dropped))
    widths = [column.width for column in kept]
    names = [place for place, column in enumerate(kept) if not column.right]
    while sum(widths) + len(GAP) * (len(kept) - 1) > width and max(widths[place] for place in names) > LEAST:
        widths[max(names, key=lambda place: widths[place])] -= 1
    return [_folded(column, room) for column, room in zip(kept, widths, strict=True)]


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def _folded(column: Column, room: int) -> Column:
    """A column whose cells break at spaces to fit so much room."""
    if column.width <= room:
        return column
    cells = ["\n".join(textwrap.wrap(cell, room, break_long_words=False)) for cell in column.cells]
    return replace(column, cells=cells)


def _line(columns: Sequence[Column], number: int) -> Iterator[str]:
    """A row; where a name folds, the rest of it stands on lines of its own."""
    parts = [column.cells[number].split("\n") for column in columns]
    for place in range(max(map(len, parts))):
        cells = [part[place] if place < len(part) else "" for part in parts]
        yield GAP.join(_cell(column, cell) for column, cell in zip(columns, cells, strict=True)).rstrip()


def _cell(column: Column, text: str) -> str:
    width = max(len(line) for cell in [column.head, *column.cells] for line in cell.split("\n"))
    return text.rjust(width) if column.right else text.ljust(width)


def _wrapped(text: str, width: int, indent: str = "") -> Iterator[str]:
    yield from textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _failed(row: Row, titles: Titles) -> str:
    """A row without a result."""
    name = f"{titles.of('method', row.key.method)} on {titles.of('backbone', row.key.backbone)}"
    return f"{titles.dataset(row.key.dataset, row.key.protocol)}: {name}: {'; '.join(_warnings(row)) or 'no result'}"


def _overview(groups: Sequence[Compared], rows: dict[Key, Row], titles: Titles, width: int) -> str:
    """A line a group: what it is, its best row, the smallest difference that it can show."""
    lines = []
    for compared in groups:
        ordered = sorted((rows[key] for key in compared.members), key=lambda row: _order(row, compared.metric))
        best = ordered[0]
        mde = compared.verdicts.mde if compared.verdicts is not None else math.inf
        unit = 100 if compared.metric.unit == "%" else 1
        lines.append(
            (
                group_title(compared, titles), str(len(ordered)), titles.of("method", best.key.method),
                number(compared.metric, best.values.get(compared.metric.name)),
                f"{mde * unit:.1f}" if mde < math.inf else "",
            )
        )  # fmt: skip
    heads = ("group", "rows", "best", "score", "MDE")
    columns = [
        Column(head, [line[place] for line in lines], right=place in (1, 3, 4)) for place, head in enumerate(heads)
    ]
    columns = _fitted(columns, width)
    head = GAP.join(_cell(column, column.head) for column in columns).rstrip()
    return visible_text("\n".join([head, *(line for number in range(len(lines)) for line in _line(columns, number))]))
