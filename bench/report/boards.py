"""Leaderboards: the list of comparable blocks, and the table of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from bench.plots.chart import Chart
from bench.plots.comparison import comparison
from bench.plots.labels import counted
from bench.plots.pairs import MOST, pairs
from bench.plots.pareto import COSTS, cost_of, pareto
from bench.plots.style import scale
from bench.report.cells import Cell, Column, Line, Sheet, number
from bench.report.site import Board, Site
from bench.stats import Block, Interval
from bench.tables.metrics import metrics_of
from bench.tables.render import heading, show, show_fact
from bench.tables.rows import Row
from bench.tasks.base import Metric

DRAWN = 60  # methods a picture of intervals can name
FACTS = (("trainable", "trained parameters"), ("macs_head", "MACs of the head"), ("seconds", "seconds a run"))


def overview(boards: Sequence[dict[str, Any]]) -> Sheet:
    """All blocks, from what `summary` kept of each."""
    columns = (
        Column("dataset", "data set"), Column("protocol", "protocol"), Column("backbone", "backbone"),
        Column("recipe", "recipe"), Column("rows", "rows", "number", first="down"),
        Column("best", "best mean"), Column("value", "its value", "number", first="down"),
        Column("tied", "not separated from it", "number", "rows that the tests did not separate from the best"),
        Column("floor", "resolution floor", "number", "difference found with 80 % power, at Holm's level"),
    )  # fmt: skip
    return Sheet("blocks", "Comparable blocks", columns, tuple(_overview_line(board) for board in boards))


def summary(board: Board) -> dict[str, Any]:
    """What the list of blocks tells of one."""
    metric, block = board.place.metric, board.judged.block
    ranked = [(row.values[metric.name].mean, name) for row, name in _known(board, metric)]
    best = (max if metric.higher_is_better else min)(ranked, default=None)
    tied = None
    if block is not None and best is not None and best[1] in block.names:
        tied = int((~block.different[block.names.index(best[1])]).sum()) - 1
    return {
        "place": board.place, "slug": board.slug, "rows": len(board.rows), "metric": metric,
        "best": best, "tied": tied, "floor": None if block is None else block.floor_holm, "reason": board.judged.reason,
    }  # fmt: skip


def _known(board: Board, metric: Metric) -> list[tuple[Row, str]]:
    pairs_ = zip(board.rows, board.names, strict=True)
    return [(row, name) for row, name in pairs_ if metric.name in row.values and not row.key.test_selected]


def _overview_line(board: dict[str, Any]) -> Line:
    place, metric, best = board["place"], board["metric"], board["best"]
    value = None if best is None else best[0] * scale(metric)
    floor = None if board["floor"] is None else board["floor"] * scale(metric)
    digits, tied = metric.decimals, board["tied"]
    return Line(
        (
            Cell(place.dataset, href=f"board-{board['slug']}.html"), Cell(place.protocol), Cell(place.backbone),
            Cell(place.recipe), number(board["rows"], str(board["rows"])), Cell(best[1] if best else ""),
            number(value, f"{value:.{digits}f} {metric.unit}" if value is not None else ""),
            number(tied, str(tied)) if tied is not None else Cell("not tested"),
            number(floor, f"{floor:.{digits}f}" if floor is not None else ""),
        )
    )  # fmt: skip


def leaderboard(board: Board, split: str = "test") -> Sheet:
    """The rows of a block with rank ranges, letters, marks and facts, the best mean first."""
    metric, block = board.place.metric, board.judged.block
    metrics = metrics_of(board.place.task)
    known = [m for m in metrics if any(m.name in row.values for row in board.rows)]
    columns = (
        Column("rank", "rank", "number", "best and worst rank that the tests allow"),
        Column("method", "method"),
        *(_column(m, metric) for m in known),
        Column("letters", "letters", "text", "rows that share a letter were not separated"),
        Column("seeds", "seeds", "number", first="down"),
        *(Column(key, label, "number", hidden=key == "macs_head") for key, label in FACTS),
        Column("marks", "marks", "text", "what limits a comparison; explained below"),
    )  # fmt: skip
    sign = -1 if metric.higher_is_better else 1
    order = sorted(range(len(board.rows)), key=lambda i: _place(board.rows[i], metric, sign))
    lines = [_line(board, board.rows[i], board.names[i], known, block) for i in order]
    ranked = (metric.name, "down" if metric.higher_is_better else "up")
    return Sheet("board", f"{board.place.words}, {split} split", columns, tuple(lines), ranked)


def _column(metric: Metric, headline: Metric) -> Column:
    first: Literal["up", "down"] = "down" if metric.higher_is_better else "up"
    hidden = metric != headline and not metric.shown
    return Column(metric.name, heading(metric), "number", _hint(metric, headline), hidden, first)


def _place(row: Row, metric: Metric, sign: int) -> tuple[bool, float]:
    """Selected on the test split, or without a value: last."""
    value = row.values.get(metric.name)
    return row.key.test_selected or value is None, sign * value.mean if value else 0.0


def _hint(metric: Metric, headline: Metric) -> str:
    order = "higher is better" if metric.higher_is_better else "lower is better"
    return f"mean over seeds with its 95 % interval; {order}" + (
        "; rows are ranked by it" if metric == headline else ""
    )


def _line(board: Board, row: Row, name: str, metrics: Sequence[Metric], block: Block | None) -> Line:
    best, worst = block.ranks.get(name, (0, 0)) if block else (0, 0)
    rank = number(best + worst / 1000 if best else None, f"{best}" if best == worst else f"{best}-{worst}")
    return Line(
        (
            rank,
            Cell(name, href=board.record_page(row)),
            *(_value(metric, row.values.get(metric.name)) for metric in metrics),
            Cell(block.letters.get(name, "") if block else ""),
            number(row.seeds, str(row.seeds)),
            *(number(row.facts[key], show_fact(_whole(row.facts[key]))) for key, _ in FACTS),
            Cell("", marks=tuple(row.marks)),
        ),
        "floor" if row.key.floor else "selected" if row.key.test_selected else "",
    )


def _value(metric: Metric, value: Interval | None) -> Cell:
    return number(None if value is None else value.mean, show(metric, value))


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and float(value).is_integer() else value


def verdicts(board: Board) -> list[str]:
    """What the tests say of the whole block, in sentences."""
    block, metric = board.judged.block, board.place.metric
    if block is None:
        return [f"Not tested: {board.judged.reason}."]
    found = int(block.different.sum()) // 2
    unit = "points" if metric.unit == "%" else metric.unit
    floors = [value * scale(metric) for value in (block.floor, block.floor_holm)]
    lines = [
        f"{found} of {counted(block.pairs, 'pair')} separated (Holm's adjustment, alpha {block.alpha:g}).",
        f"Typical resolution floor: {floors[0]:.{metric.decimals}f} {unit} for one pair, "
        f"{floors[1]:.{metric.decimals}f} for any of {block.pairs}. "
        f"Smaller differences are not found reliably on {counted(block.items, 'test item')}.",
    ]
    if block.untestable.any():
        lines.append(f"{int(block.untestable.sum()) // 2} pairs are untestable: no outcome could have separated them.")
    return lines


def notes_of(board: Board, site: Site) -> list[str]:
    """The table's notes that are about this block: floors that lack, and looks at its test split."""
    where = f"{board.place.dataset} ({board.place.protocol})"
    own = [note for note in site.table.notes if note.startswith((f"{where}:", f"{where} on {board.place.backbone}:"))]
    return [f"{note[:1].upper()}{note[1:]}." for note in (text.partition(": ")[2] for text in own)]


def general_notes(site: Site) -> list[str]:
    """The table's notes that are about no block."""
    wheres = tuple(f"{row.key.dataset} ({row.key.protocol})" for row in site.table.rows)
    return [note for note in site.table.notes if not note.startswith(wheres)]


def pictures(board: Board, site: Site) -> dict[str, Chart]:
    """The block's charts by name; those that would name too many rows are left out."""
    rows = [row for row, _ in _known(board, board.place.metric)]
    if not rows:
        return {}
    found: dict[str, Chart] = {}
    if len(rows) <= DRAWN:
        found["comparison"] = comparison(site.part(board.rows), board.judged.block)
    if board.judged.block is not None and len(board.judged.block.names) <= MOST:
        found["pairs"] = pairs(board.judged.block, board.place.metric, board.place.words)
    return found


def fronts(board: Board, site: Site) -> dict[str, Chart]:
    """Accuracy over each cost that the rows know."""
    rows = [row for row, _ in _known(board, board.place.metric)]
    known = {cost: [row for row in rows if cost_of(row, cost)] for cost in ("trainable", "macs", "seconds")}
    return {cost: pareto(site.part(rows), cost) for cost, found in known.items() if len(found) > 1 and cost in COSTS}
