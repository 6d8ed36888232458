"""The headline metric over one number of a method or of its recipe, such as CLAdapter's K, beside published points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.errors import UsageError, nearest
from bench.plots.chart import Chart, chart
from bench.plots.labels import bars, drawable, labels, one_setting, seeds_of, several
from bench.plots.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, YELLOW, axis, scaled
from bench.plots.sweeps import Sweep, Where, chosen_field, sweeps, varying
from bench.records import Record
from bench.tables import Table
from bench.tables.resolution import difference_words
from bench.tables.rows import Key, Row
from bench.tables.titles import Titles
from bench.tasks.base import Metric

# Those of methods; vermillion diamonds are published points.
MORE = (BLUE, GREEN, PURPLE, ORANGE, SKY, YELLOW)
FORMS = ("circle", "square", "triangle-up", "cross", "triangle-down", "triangle-right")


@dataclass(frozen=True)
class Published:
    """A published point: the field's value, the metric in the unit of records, and who says so."""

    x: float
    value: float
    source: str = "published"


def sweep(
    table: Table, records: Sequence[Record], published: Sequence[Published] = (), field: str | None = None
) -> Chart:
    """Points with intervals over the values of one field, a line a method; published points are hollow diamonds.

    Args:
        records: Hold the resolved fields of the table's cells.
        field: Of methods or recipes; None: the method's with most values, else the recipe's.

    Raises:
        UsageError: The rows come from several settings, or no method was run with two values of the field.
    """
    rows = [row for row in drawable(table, "the sweep") if not row.key.trivial_baseline]
    if not rows:
        raise UsageError("Trivial baselines have nothing to vary. Choose rows of a method.")
    setting, metric = one_setting(rows, table.titles)
    where, field = _field(field, rows, list(records))
    found = sweeps(table, records, where, field, rows)
    if not found:
        raise UsageError(f"No method was run with two values of {field}. Run it with several, or name another field.")
    names = _names([one.base for one in found], table.titles)
    values = [point for one, name in zip(found, names, strict=True) for point in _points(one, name, metric)]
    values += [
        {"x": point.x, "value": scaled(metric, point.value), "series": point.source, "kind": "published"}
        for point in published
    ]
    every = [row for one in found for row in one.points.values()]
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


def _field(field: str | None, rows: list[Row], records: list[Record]) -> tuple[Where, str]:
    """Whose field it is, and its name.

    Raises:
        UsageError: Nothing varies, or nobody has such a field.
    """
    used = {cell for row in rows for cell in row.cells}
    places: tuple[Where, ...] = ("method", "recipe")
    known = {place: {n for r in records if r.cell in used for n in getattr(r, place).params} for place in places}
    for place in places:
        if field in known[place] if field else varying(rows, records, place):
            return place, chosen_field(field, rows, records, place)
    if field is None:
        return "method", chosen_field(None, rows, records, "method")
    raise UsageError(
        f"No method or recipe of these rows has a field {field!r}. {nearest(field, set().union(*known.values()))}"
    )


def _names(bases: Sequence[Key], titles: Titles) -> list[str]:
    """One for each line, with its recipe where two lines are of one method."""
    names = labels(bases, titles)
    return [
        name if names.count(name) == 1 else f"{name}, {titles.of('recipe', base.recipe)}"
        for name, base in zip(names, bases, strict=True)
    ]


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
    many = range(len(names))
    colours = [*(MORE[i % len(MORE)] for i in many), *[VERMILLION] * len(sources)]
    shapes = [*(FORMS[(i + i // len(MORE)) % len(FORMS)] for i in many), *["diamond"] * len(sources)]
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
