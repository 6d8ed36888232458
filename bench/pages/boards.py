"""Leaderboards: the list of comparison groups, and the table of one."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, Literal

from bench.core.text import counted
from bench.pages.cells import Cell, Column, Line, Sheet, number
from bench.pages.site import Board, Site, by_backbone, slug
from bench.plots.chart import Chart
from bench.plots.comparison import comparison, letters_of
from bench.plots.pairs import MOST, pairs
from bench.plots.pareto import cost_of, pareto
from bench.plots.style import scale
from bench.stats import Row as Estimate
from bench.tables.metrics import metrics_of
from bench.tables.resolution import difference_words
from bench.tables.rows import Row
from bench.tables.seeds import MEANING, unequal
from bench.tables.sheet import heading, rank_text, show, show_fact
from bench.tasks.base import Metric

Ranked = tuple[float, str, str]  # mean, name, letters
DRAWN = 60  # methods a picture of intervals can name
FRONTS = ("trainable", "macs", "seconds")  # costs that are drawn
FACTS = (("trainable", "trained parameters"), ("macs_head", "MACs of the head"), ("seconds", "seconds a run"))


def overview(boards: Sequence[dict[str, Any]]) -> Sheet:
    """All groups, from what `summary` kept of each; what is the same in all of them is hidden at first."""
    lines = tuple(_overview_line(board) for board in boards)
    columns = (
        Column("dataset", "data set"),
        *(
            Column(key, key, hidden=len(lines) > 1 and len({line.cells[place].text for line in lines}) == 1)
            for place, key in enumerate(("protocol", "recipe", "input", "backbones"), start=1)
        ),
        Column("rows", "rows", "number", first="down"),
        Column("best", "best mean"), Column("value", "its value", "number", first="down"),
        Column("tied", "n.s. from it", "number", "rows that the tests did not separate from the best"),
        Column("mde", "MDE", "number", "difference found with 80 % power, at Holm's level"),
    )  # fmt: skip
    return Sheet("groups", "Comparison groups", columns, lines)


def summary(board: Board) -> dict[str, Any]:
    """What the list of groups tells of one."""
    metric, verdicts = board.metric, board.verdicts
    sign = -1 if metric.higher_is_better else 1
    ordered = sorted(_known(board, metric), key=lambda pair: _place(pair[0], metric, sign))
    ranked = [(row.values[metric.name].mean, name, row.letters) for row, name in ordered]
    best = _first(ranked, metric)
    tied = None
    if verdicts is not None and best is not None and best[2]:
        tied = sum(bool(letters_of(best[2]) & letters_of(other[2])) for other in ranked) - 1
    return {
        "place": board.place, "slug": board.slug, "rows": len(board.rows), "metric": metric,
        "backbones": ", ".join(by_backbone(board.rows)), "best": best, "tied": tied,
        "mde": None if verdicts is None else verdicts.mde_holm,
    }  # fmt: skip


def _first(ranked: list[Ranked], metric: Metric) -> Ranked | None:
    """The best row; those with the same mean as it is shown are named with it, in the order of the leaderboard."""
    if not ranked:
        return None
    mean, _, letters = ranked[0]
    return mean, ", ".join(name for other, name, _ in ranked if metric.alike(other, mean)), letters


def _known(board: Board, metric: Metric) -> list[tuple[Row, str]]:
    pairs_ = zip(board.rows, board.names, strict=True)
    return [(row, name) for row, name in pairs_ if metric.name in row.values and not row.key.test_selected]


def _overview_line(board: dict[str, Any]) -> Line:
    place, metric, best = board["place"], board["metric"], board["best"]
    value = None if best is None else best[0] * scale(metric)
    mde = board["mde"]
    digits, tied = metric.decimals, board["tied"]
    return Line(
        (
            Cell(place.dataset, href=f"board-{board['slug']}.html"), Cell(place.protocol), Cell(place.recipe),
            Cell(place.input), Cell(board["backbones"]),
            number(board["rows"], str(board["rows"])), Cell(best[1] if best else ""),
            number(value, f"{value:.{digits}f} {metric.unit}" if value is not None else ""),
            number(tied, str(tied)) if tied is not None else Cell("not tested"),
            number(mde, difference_words(metric, mde)) if mde is not None and isfinite(mde) else Cell(""),
        )
    )  # fmt: skip


def leaderboard(board: Board, split: str = "test") -> Sheet:
    """The rows of a group with rank ranges, letters, warnings and facts, the best mean first."""
    metric = board.metric
    metrics = metrics_of(board.place.task)
    known = [m for m in metrics if any(m.name in row.values for row in board.rows)]
    columns = (
        Column("rank", "rank", "number", "best and worst rank that the tests allow"),
        Column("method", "method"),
        Column("backbone", "backbone", hidden=len(by_backbone(board.rows)) == 1),
        *(_column(m, metric) for m in known),
        Column("letters", "letters", "text", "rows that share a letter are not significantly different"),
        Column("seeds", "seeds", "number", first="down"),
        *(Column(key, label, "number", hidden=key == "macs_head") for key, label in FACTS),
        Column("warnings", "warnings", "text", "what limits a comparison; explained below"),
    )  # fmt: skip
    sign = -1 if metric.higher_is_better else 1
    order = sorted(range(len(board.rows)), key=lambda i: _place(board.rows[i], metric, sign))
    lines = [_line(board, board.rows[i], board.names[i], known) for i in order]
    ranked = (metric.name, "down" if metric.higher_is_better else "up")
    return Sheet("board", f"{board.words}, {split} split", columns, tuple(lines), ranked)


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


def _line(board: Board, row: Row, name: str, metrics: Sequence[Metric]) -> Line:
    rank = number(row.ranks[0] + row.ranks[1] / 1e4 if row.ranks else None, rank_text(row.ranks))
    return Line(
        (
            rank,
            Cell(name, href=board.record_page(row)),
            Cell(row.key.backbone),
            *(_value(metric, row.values.get(metric.name)) for metric in metrics),
            Cell(row.letters),
            number(row.seeds, str(row.seeds)),
            *(number(row.facts[key], show_fact(_whole(row.facts[key]))) for key, _ in FACTS),
            Cell("", warnings=tuple(row.warnings)),
        ),
        "trivial_baseline" if row.key.trivial_baseline else "selected" if row.key.test_selected else "",
    )


def _value(metric: Metric, value: Estimate | None) -> Cell:
    return number(None if value is None else value.mean, show(metric, value))


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and float(value).is_integer() else value


def verdicts(board: Board) -> list[str]:
    """What the tests say of the whole group, in sentences."""
    verdicts, metric = board.verdicts, board.metric
    if verdicts is None:
        return [f"Not tested: {board.reason}."]
    found = int(verdicts.different.sum()) // 2
    mdes = [difference_words(metric, value) for value in (verdicts.mde, verdicts.mde_holm)]
    lines = [
        f"{found} of {counted(verdicts.pairs, 'pair')} separated (Holm's adjustment, alpha {verdicts.alpha:g}).",
        f"Typical minimum detectable effect: {mdes[0]} for one pair, {mdes[1]} for any of {verdicts.pairs}. "
        f"Smaller differences are not found reliably on {counted(verdicts.items, 'test item')}.",
    ]
    if board.compared is not None and (said := unequal(board.compared)):
        lines.append(f"{said[:1].upper()}{said[1:]}. {MEANING}")
    if verdicts.untestable.any():
        number = int(verdicts.untestable.sum()) // 2
        lines.append(f"{counted(number, 'pair')} untestable: no outcome could have separated what differs.")
    return lines


def notes_of(board: Board, site: Site) -> list[str]:
    """The table's notes that are about this group: missing trivial baselines, and its test-set evaluations."""
    where = f"{board.place.dataset} ({board.place.protocol})"
    own = [note for note in site.table.notes if note.startswith((f"{where}:", f"{where} on "))]
    several_backbones = len(by_backbone(board.rows)) > 1
    told = [note if several_backbones and " on " in note else note.partition(": ")[2] for note in own]
    return [f"{note[:1].upper()}{note[1:]}." for note in told]


def general_notes(site: Site) -> list[str]:
    """The table's notes that are about no group."""
    wheres = tuple(f"{row.key.dataset} ({row.key.protocol})" for row in site.table.rows)
    return [note for note in (*site.table.notes, *site.table.always) if not note.startswith(wheres)]


def pictures(board: Board, site: Site) -> dict[str, Chart]:
    """The group's charts by name, one comparison a backbone; those that would name too many rows are left out."""
    found: dict[str, Chart] = {}
    for backbone, rows in by_backbone([row for row, _ in _known(board, board.metric)]).items():
        if len(rows) <= DRAWN:
            found[f"comparison-{slug(backbone)}"] = comparison(site.part(rows))
    if board.compared is not None and board.verdicts is not None and len(board.verdicts.names) <= MOST:
        found["pairs"] = pairs(board.compared, board.called)
    return found


def fronts(board: Board, site: Site) -> dict[str, Chart]:
    """The metric over each cost that the rows know, for each backbone."""
    found: dict[str, Chart] = {}
    for backbone, rows in by_backbone([row for row, _ in _known(board, board.metric)]).items():
        for cost in FRONTS:
            priced = [row for row in rows if cost_of(row, cost) is not None]
            if sum(bool(cost_of(row, cost)) for row in priced) > 1:
                found[f"{cost}-{slug(backbone)}"] = pareto(site.part(priced), cost)
    return found
