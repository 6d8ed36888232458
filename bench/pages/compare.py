"""Two rows of a group against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from bench.pages.cells import Cell, Column, Line, Sheet, number
from bench.pages.site import Board
from bench.plots.style import scale
from bench.stats import Comparison
from bench.tables.resolution import shared_words, units_of
from bench.tasks.base import Metric

MOST = 45  # rows whose pairs are told, the best: 990 pairs


def pair_table(board: Board) -> Sheet | None:
    """The pairs of a group's best rows, the better one first; None where there are no verdicts."""
    verdicts, metric = board.verdicts, board.metric
    if verdicts is None:
        return None
    unit = "points" if metric.unit == "%" else metric.unit
    columns = (
        Column("a", "A"), Column("b", "B"),
        Column("mean_a", "mean of A", "number", "over the seeds that both rows have", first="down"),
        Column("mean_b", "mean of B", "number", "over the seeds that both rows have", first="down"),
        Column("difference", f"A less B ({unit})", "number", "of the means, with its interval", first="down"),
        Column("p", "p (Holm)", "number", "of equal methods, adjusted for all pairs of the group"),
        Column("verdict", "verdict"),
        Column("mde", f"mde ({unit})", "number", "difference found with 80 % power", hidden=True),
        Column("budget", "what would separate them", hidden=True),
        Column("holds", "holds for", hidden=True),
        Column("test", "test", hidden=True),
        Column("sample", "sample", hint="items, and the seeds that both rows have: the difference is over these"),
    )  # fmt: skip
    lines = tuple(_line(comparison, board.called, metric) for comparison in _pairs(board))
    best = f" of the best {MOST} rows" if len(verdicts.names) > MOST else ""
    return Sheet("pairs", f"Pairs{best}, {board.words}", columns, lines)


def _pairs(board: Board) -> Iterator[Comparison]:
    verdicts = board.verdicts
    assert verdicts is not None
    order = [verdicts.names[place] for place in verdicts.order[:MOST]]
    for i, a in enumerate(order):
        for b in order[i + 1 :]:
            yield verdicts.pair(a, b)


def _line(pair: Comparison, called: Mapping[str, str], metric: Metric) -> Line:
    factor, digits = scale(metric), metric.decimals
    difference, low, high = (value * factor for value in (pair.difference, pair.low, pair.high))
    units = units_of(pair)
    holds = "new items and new seeds" if pair.scope == "methods" else "these two models only, not the methods"
    names = [called[name] for name in pair.names]
    ahead = names[0 if (difference > 0) == metric.higher_is_better else 1]
    return Line(
        (
            Cell(names[0]),
            Cell(names[1]),
            *(number(mean * factor, f"{mean * factor:.{digits}f}") for mean in pair.means),
            number(difference, f"{difference:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"),
            number(pair.adjusted, _p(pair.adjusted)),
            Cell(f"{ahead} is better" if pair.different else pair.verdict),
            number(pair.mde * factor, f"{pair.mde * factor:.{digits}f}") if isfinite(pair.mde) else Cell("none"),
            Cell("" if pair.different else pair.budget().text(units)),
            Cell(holds),
            Cell(pair.test),
            Cell(
                f"{pair.items:,} items"
                + (f" in {pair.units:,} groups" if units == "groups" else "")
                + f", {shared_words(pair)}"
            ),
        ),
        "separated" if pair.different else "",
    )


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
