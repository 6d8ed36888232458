"""The headline metric over what a method costs: trained parameters, multiply-accumulates or time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.plots.chart import Chart, chart
from bench.plots.labels import drawable, labels, one_setting, seeds_of, several
from bench.plots.style import BLUE, FAINT, axis, near, scaled
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
LABELLED = 14  # points that may all have a label


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
    setting, metric = one_setting(rows)
    names = labels([row.key for row in rows])
    best = front([(cost_of(row, cost) or 0.0, row.values[metric.name].mean) for row in rows], metric.higher_is_better)
    values = [
        _point(row, name, cost, metric, i in best, len(rows))
        for i, (row, name) in enumerate(zip(rows, names, strict=True))
    ]
    _place_labels(values)
    ahead = [value["method"] for value in sorted(values, key=lambda value: value["cost"]) if value["front"]]
    return chart(
        f"On the front of {axis(metric)} over {COSTS[cost]}: {several(ahead, 4)}",
        [setting, seeds_of(rows), "filled: no cheaper method has a better mean", *_off(values)],
        f"{axis(metric)} over {COSTS[cost]} of {len(rows)} methods; the front joins those that no cheaper one beats.",
        values,
        200,
        layer=_layers(metric, COSTS[cost], any(value["cost"] == 0 and not value["off"] for value in values)),
    )


def _off(values: list[dict[str, Any]]) -> list[str]:
    told = [f"{value['method']} ({value['value']:.1f}, nothing)" for value in values if value["off"]]
    return [f"off the scale: {several(told)}"] if told else []


def cost_of(row: Row, cost: str) -> float | None:
    """What a row costs; operations are the backbone's and the head's together."""
    if cost != "macs":
        return row.facts[cost]
    trunk, head = row.facts["macs_backbone"], row.facts["macs_head"]
    return None if trunk is None else trunk + (head or 0.0)


def front(points: Sequence[tuple[float, float]], higher: bool = True) -> set[int]:
    """Places of the points (cost, value) that no other point equals or beats in both and beats in one."""
    sign = 1 if higher else -1
    return {
        i
        for i, (cost, value) in enumerate(points)
        if not any(c <= cost and sign * v >= sign * value and (c < cost or sign * v > sign * value) for c, v in points)
    }


def _point(row: Row, name: str, cost: str, metric: Metric, ahead: bool, number: int) -> dict[str, Any]:
    value = row.values[metric.name]
    return {
        "method": name,
        "cost": cost_of(row, cost),
        "value": scaled(metric, value.mean),
        "low": scaled(metric, value.low),
        "high": scaled(metric, value.high),
        "front": ahead,
        "label": name if ahead or number <= LABELLED else "",
        "off": False,
    }


def _place_labels(values: list[dict[str, Any]]) -> None:
    """Labels of neighbours stand above and below in turn; what costs nothing and is far below is not drawn to scale."""
    priced = sorted((value for value in values if value["cost"] > 0), key=lambda value: value["cost"])
    for number, value in enumerate(priced):
        value["above"] = number % 2 == 0
        value["align"] = "left" if number == 0 else "right" if number == len(priced) - 1 else "center"
    heights = [value["value"] for value in priced]
    for value in values:
        value["off"] = bool(heights) and value["cost"] == 0 and not near(value["value"], heights)


def _layers(metric: Metric, title: str, free: bool) -> list[dict[str, Any]]:
    x = {
        "field": "cost", "type": "quantitative", "title": title, "scale": {"type": "log", "padding": 14, "nice": False},
        "axis": {"grid": False, "format": "~s", "tickCount": 5, "labelOverlap": True},
    }  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False, "padding": 14}}
    priced = [{"filter": "datum.cost > 0"}]
    tooltip = [{"field": name} for name in ("method", "cost", "value", "low", "high")]
    colour = {"condition": {"test": "datum.front", "value": BLUE}, "value": FAINT}
    free_lines = [
        {
            "transform": [{"filter": "datum.cost === 0 && !datum.off"}],
            "mark": {"type": "rule", "strokeDash": [5, 3]},
            "encoding": {"y": y},
        },
        {
            "transform": [
                {"filter": "datum.cost === 0 && !datum.off"},
                {"calculate": "datum.method + ' (nothing)'", "as": "label"},
            ],
            "mark": {"type": "text", "align": "right", "baseline": "bottom", "dy": -2, "fontStyle": "italic"},
            "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "label"}},
        },
    ]
    return [
        *(free_lines if free else []),
        {
            "transform": [*priced, {"filter": "datum.front"}],
            "mark": {"type": "line", "interpolate": "step-after", "color": BLUE, "opacity": 0.5},
            "encoding": {"x": x, "y": y},
        },
        {
            "transform": priced,
            "mark": {"type": "point", "opacity": 1, "strokeWidth": 1.5, "filled": True},
            "encoding": {
                "x": x, "y": y, "tooltip": tooltip,
                "shape": {
                    "field": "front", "type": "nominal", "legend": None,
                    "scale": {"domain": [True, False], "range": ["circle", "diamond"]},
                },
                "fill": {"condition": {"test": "datum.front", "value": BLUE}, "value": "white"},
                "stroke": colour,
            },
        },
        {
            "transform": priced,
            "mark": {
                "type": "text",
                "align": {"expr": "datum.align"},
                "baseline": {"expr": "datum.above ? 'bottom' : 'top'"},
                "dy": {"expr": "datum.above ? -5 : 6"},
            },
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]  # fmt: skip
