"""A method's headline metric over one of its numbers, such as CLAdapter's K, beside published points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, chart
from bench.plots.labels import bars, drawable, labels, one_setting, seeds_of, several
from bench.plots.style import BLUE, VERMILLION, axis, scaled
from bench.plots.sweeps import Sweep, chosen_field, sweeps
from bench.records import Record
from bench.tables import Table
from bench.tables.resolution import difference_words
from bench.tasks.base import Metric


@dataclass(frozen=True)
class Published:
    """A published point: the field's value, the metric in the unit of records, and who says so."""

    x: float
    value: float
    source: str = "published"


def k_ablation(
    table: Table, records: Sequence[Record], published: Sequence[Published] = (), field: str | None = None
) -> Chart:
    """Points with intervals over the values of one field of one method; published points are hollow diamonds.

    Args:
        records: Hold the resolved fields of the table's cells.
        field: The method's field; None: the one with most values.

    Raises:
        UsageError: The rows come from several settings, or no method has two values of the field.
    """
    rows = [row for row in drawable(table, "the ablation") if not row.key.trivial_baseline]
    if not rows:
        raise UsageError("Trivial baselines have nothing to vary. Choose rows of a method.")
    setting, metric = one_setting(rows, table.titles)
    field = chosen_field(field, rows, list(records), "method")
    found = sweeps(table, records, "method", field, rows)
    if not found:
        raise UsageError(f"No method was run with two values of {field}. Run it with several, or name another field.")
    names = labels([sweep.base for sweep in found], table.titles)
    values = [point for sweep, name in zip(found, names, strict=True) for point in _points(sweep, name, metric)]
    values += [
        {"x": point.x, "value": scaled(metric, point.value), "series": point.source, "kind": "published"}
        for point in published
    ]
    every = [row for sweep in found for row in sweep.points.values()]
    return chart(
        _finding(found[0], names[0], metric),
        [setting, seeds_of(every, table), bars(every, metric)],
        f"{axis(metric)} over {field} of {', '.join(names)}, with published points where there are any.",
        values,
        170,
        layer=_layers(
            field, metric, names, sorted({point.source for point in published}), sorted({v["x"] for v in values})
        ),
    )


def _points(sweep: Sweep, name: str, metric: Metric) -> list[dict[str, Any]]:
    return [
        {
            "x": x,
            "value": scaled(metric, row.values[metric.name].mean),
            "low": scaled(metric, row.values[metric.name].low),
            "high": scaled(metric, row.values[metric.name].high),
            "series": name,
            "kind": "ours",
            "seeds": row.seeds,
        }
        for x, row in sweep.points.items()
    ]


def _finding(sweep: Sweep, name: str, metric: Metric) -> str:
    """How far the sweep spans, against its intervals."""
    values = {x: row.values[metric.name] for x, row in sweep.points.items()}
    best = (max if metric.higher_is_better else min)(values, key=lambda x: values[x].mean)
    means = [value.mean for value in values.values()]
    span = difference_words(metric, max(means) - min(means))
    first = [f"{x:g}" for x, value in values.items() if metric.alike(value.mean, values[best].mean)]
    told = f"{sweep.field} of {name}: means span {span}, best at {several(first)}"
    low, high = values[best].low, values[best].high
    if low is None or high is None:
        return told
    inside = sum(low <= value.mean <= high for x, value in values.items() if x != best)
    return f"{told}, whose interval holds {inside} of the other {len(values) - 1} means"


def _layers(
    field: str, metric: Metric, names: list[str], sources: list[str], ticks: list[float]
) -> list[dict[str, Any]]:
    x = {
        "field": "x", "type": "quantitative", "title": field,
        "scale": {"type": "log" if ticks[0] > 0 else "linear", "nice": False, "padding": 8},
        "axis": {"grid": False, "format": "~g", "values": ticks, "labelOverlap": True},
    }  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False}}
    domain = [*names, *sources]
    colours = [*[BLUE, "#009E73", "#CC79A7", "#E69F00"][: len(names)], *[VERMILLION] * len(sources)]
    shapes = [*["circle", "square", "triangle-up", "cross"][: len(names)], *["diamond"] * len(sources)]
    both: dict[str, Any] = {"field": "series", "type": "nominal", "sort": None, "legend": {"title": None}}
    colour = {**both, "scale": {"domain": domain, "range": colours}}
    shape = {**both, "scale": {"domain": domain, "range": shapes}}
    tooltip = [{"field": name} for name in ("series", "x", "value", "low", "high", "seeds")]
    ours = [{"filter": "datum.kind === 'ours'"}]
    return [
        {
            "needs": "low",
            "transform": [*ours, {"filter": "isValid(datum.low)"}],
            "mark": "rule",
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {"transform": ours, "mark": "line", "encoding": {"x": x, "y": y, "color": colour}},
        {
            "mark": {"type": "point", "opacity": 1, "filled": True},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape, "tooltip": tooltip},
        },
    ]
