"""The headline metric of each method with its interval, the floors as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core.errors import UsageError
from bench.tables import Table
from bench.tables.marks import headline_mean
from bench.tables.metrics import metrics_of
from bench.tables.rows import Row
from bench.tables.table import place
from bench.tasks.base import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR_COLOURS = ("0.6", "#c44e52", "#8172b3")  # the lowest first
LINE = "#4c72b0"


def comparison(table: Table) -> Figure:
    """A point with its interval a row, from the top in the table's order; floors are vertical lines.

    Raises:
        UsageError: The rows come from several settings, or none has a value.
    """
    from matplotlib.figure import Figure

    rows = [row for row in table.rows if headline_mean(row) is not None and not row.key.test_selected]
    settings = {(place(row.key), row.key.backbone) for row in rows}
    if len(settings) != 1:
        raise UsageError(f"The figure needs one data set, protocol and backbone, not {len(settings)}. Filter the rows.")
    metric = metrics_of(rows[0].key.task)[0]
    methods = [row for row in rows if not row.key.floor]
    drawn = Figure(figsize=(7, 1.3 + 0.32 * len(methods)), layout="constrained")
    axes = drawn.add_subplot()
    for row in rows:
        if row.key.floor:
            _floor(axes, row, metric)
    for height, row in enumerate(methods):
        _point(axes, height, row, metric, last=not any(_same_run(row, later) for later in methods[height + 1 :]))
    axes.set_yticks(range(len(methods)), [_label(row, methods) for row in methods])
    axes.invert_yaxis()
    axes.set_xlabel(
        f"{metric.name} {metric.unit}, 95 % interval over {rows[0].n} test items and {rows[-1].seeds} seeds"
    )
    axes.set_title("{} on {}".format(*settings.pop()), loc="left")
    axes.grid(axis="x", alpha=0.3)
    if any(row.key.floor for row in rows):
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return drawn


def _floor(axes: Axes, row: Row, metric: Metric) -> None:
    mean = _scale(metric) * row.values[metric.name].mean
    colour = FLOOR_COLOURS[(row.key.floor - 1) % len(FLOOR_COLOURS)]
    axes.axvline(mean, linestyle="--", color=colour, label=f"{row.key.method} {mean:.1f}")


def _scale(metric: Metric) -> int:
    return 100 if metric.unit == "%" else 1


def _point(axes: Axes, height: int, row: Row, metric: Metric, last: bool) -> None:
    value, scale = row.values[metric.name], _scale(metric)
    low, high = (scale * abs(value.mean - (value.mean if end is None else end)) for end in (value.low, value.high))
    face = LINE if last else "white"
    axes.errorbar(
        scale * value.mean, height, xerr=[[low], [high]], fmt="o", color=LINE, markerfacecolor=face, capsize=3
    )  # fmt: skip


def _same_run(row: Row, other: Row) -> bool:
    return (row.key.method, row.key.recipe) == (other.key.method, other.key.recipe)


def _label(row: Row, rows: list[Row]) -> str:
    """The method, and its stage when it has several."""
    staged = sum(_same_run(row, other) for other in rows) > 1
    return f"{row.key.method} {row.key.stage}" if staged else row.key.method
