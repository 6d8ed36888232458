"""The headline metric over what a method costs: trained parameters, multiply-accumulates or time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.plots.chart import Chart, chart
from bench.plots.labels import bars, drawable, labels, one_setting, seeds_of, several
from bench.plots.style import FAINT, axis, near, scale, scaled, series, words
from bench.tables import Table
from bench.tables.rows import Row
from bench.tasks.base import Metric

COSTS = {
    "trainable": "trained parameters",
    "added": "parameters added to the backbone",
    "total": "all parameters",
    "macs": "multiply-accumulates of one input",
    "seconds": "seconds a run",
}


def pareto(table: Table, cost: str = "trainable") -> Chart:
    """A point a method; those that nothing cheaper or equal beats are joined. What costs nothing is a line.

    Args:
        cost: One of `COSTS`.

    Raises:
        UsageError: There is no such cost, no row knows it, or the rows come from several settings.
    """
    if cost not in COSTS:
        raise UsageError(f"No cost {cost!r}. {nearest(cost, COSTS)}")
    rows = [row for row in drawable(table, "the Pareto front") if cost_of(row, cost) is not None]
    if not rows:
        raise UsageError(f"No row here knows its {COSTS[cost]}.")
    setting, metric = one_setting(rows, table.titles)
    names = labels([row.key for row in rows], table.titles)
    best = front([(cost_of(row, cost) or 0.0, row.values[metric.name].mean) for row in rows], metric.higher_is_better)
    values = [_point(row, name, cost, metric, i in best) for i, (row, name) in enumerate(zip(rows, names, strict=True))]
    _leave_off(values)
    ahead = [value["method"] for value in sorted(values, key=lambda value: value["cost"]) if value["front"]]
    return chart(
        f"On the front of {axis(metric)} over {COSTS[cost]}: {several(ahead, 4)}",
        [
            setting,
            seeds_of(rows, table),
            bars(rows, metric),
            "filled: no cheaper method has a better mean",
            *_off(values, metric),
        ],
        f"{axis(metric)} over {COSTS[cost]} of {len(rows)} methods; the front joins those that no cheaper one beats.",
        values,
        200,
        layer=_layers(metric, cost, _in_legend(values)),
    )


def _in_legend(values: list[dict[str, Any]]) -> list[str]:
    """Names that need a colour; trivial baselines last, so that methods have the same colours whatever the cost."""
    return [
        value["method"] for value in sorted(values, key=lambda value: value["trivial_baseline"]) if "priced" in value
    ]


def cost_of(row: Row, cost: str) -> float | None:
    """What a row costs; operations are the backbone's and the head's together."""
    if cost != "macs":
        return row.facts[cost]
    backbone, head = row.facts["macs_backbone"], row.facts["macs_head"]
    return None if backbone is None else backbone + (head or 0.0)


def front(points: Sequence[tuple[float, float]], higher: bool = True) -> set[int]:
    """Places of the points (cost, value) that no other point equals or beats in both and beats in one."""
    sign = 1 if higher else -1
    return {
        i
        for i, (cost, value) in enumerate(points)
        if not any(c <= cost and sign * v >= sign * value and (c < cost or sign * v > sign * value) for c, v in points)
    }


def _point(row: Row, name: str, cost: str, metric: Metric, ahead: bool) -> dict[str, Any]:
    value = row.values[metric.name]
    return {
        "method": name,
        "cost": cost_of(row, cost),
        "value": scaled(metric, value.mean),
        "low": scaled(metric, value.low),
        "high": scaled(metric, value.high),
        "front": ahead,
        "trivial_baseline": bool(row.key.trivial_baseline),
    }


def _leave_off(values: list[dict[str, Any]]) -> None:
    """Draw each row ``priced``, ``free``, or neither where a trivial baseline would squeeze the rest."""
    ends = [value[end] for value in values if not value["trivial_baseline"] for end in ("low", "value", "high")]
    heights = [end for end in ends if end is not None]
    for value in values:
        if not (value["trivial_baseline"] and heights and not near(value["value"], heights)):
            value["priced" if value["cost"] > 0 else "free"] = True


def _off(values: list[dict[str, Any]], metric: Metric) -> list[str]:
    off = [value for value in values if not {"priced", "free"} & value.keys()]
    told = [f"{value['method']} {words(metric, value['value'] / scale(metric))}" for value in off]
    return [f"off the scale: {several(told)}"] if told else []


def _layers(metric: Metric, cost: str, names: list[str]) -> list[dict[str, Any]]:
    x = {
        "field": "cost", "type": "quantitative", "title": COSTS[cost],
        "scale": {"type": "log", "padding": 14, "nice": False},
        "axis": {"grid": False, "format": "~g" if cost == "seconds" else "~s", "tickCount": 5, "labelOverlap": True},
    }  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False, "padding": 10}}
    priced = [{"filter": "datum.priced"}]
    encoding = series("method", names)
    return [
        *_free(y),
        {
            "needs": "priced",
            "transform": [*priced, {"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "opacity": 0.6},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": encoding["color"]},
        },
        {
            "needs": "priced",
            "transform": [*priced, {"filter": "datum.front"}],
            "mark": {"type": "line", "interpolate": "step-after", "color": FAINT, "strokeWidth": 1},
            "encoding": {"x": x, "y": y},
        },
        {
            "needs": "priced",
            "transform": priced,
            "mark": {"type": "point", "opacity": 1, "strokeWidth": 1.5, "size": 70},
            "encoding": {
                "x": x,
                "y": y,
                "shape": encoding["shape"],
                "stroke": encoding["color"],
                "fill": {"condition": {"test": "datum.front", **encoding["color"]}, "value": "white"},
                "tooltip": [{"field": name} for name in ("method", "cost", "value", "low", "high")],
            },
        },
    ]


def _free(y: dict[str, Any]) -> list[dict[str, Any]]:
    """What costs nothing has no place on a logarithmic axis: a line."""
    free = [{"filter": "datum.free"}]
    return [
        {
            "needs": "free",
            "transform": free,
            "mark": {"type": "rule", "strokeDash": [5, 3]},
            "encoding": {"y": y},
        },
        {
            "needs": "free",
            "transform": [*free, {"calculate": "datum.method + ' (nothing)'", "as": "label"}],
            "mark": {"type": "text", "align": "left", "baseline": "bottom", "dy": -2, "dx": 3, "fontStyle": "italic"},
            "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "label"}},
        },
    ]
