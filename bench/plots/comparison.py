"""The headline metric of each method with its interval; trivial baselines are lines, letters show ties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.labels import bars, drawable, labels, one_setting, seeds_of, several
from bench.plots.style import BLUE, DASHES, ORANGE, PURPLE, SKY, axis, near, scale, scaled, words
from bench.tables import Table
from bench.tables.rows import Row
from bench.tasks.base import Metric

BASELINE_COLOURS = (ORANGE, PURPLE, SKY)  # the lowest first


def comparison(table: Table) -> Chart:
    """A point with its interval a row, the best mean first; trivial baselines are vertical lines, earlier stages
    hollow.

    Rows that share a letter are not significantly different; letters stand at the right.

    Raises:
        UsageError: The rows come from several settings, or none has a value.
    """
    rows = drawable(table, "the comparison")
    setting, metric = one_setting(rows, table.titles)
    names = labels([row.key for row in rows], table.titles)
    values = [_point(row, name, rows, metric) for row, name in zip(rows, names, strict=True)]
    methods = _ordered([value for value in values if value["kind"] != "trivial_baseline"], metric)
    _leave_off(values, methods)
    about = [setting, _sample(rows, table), bars(rows, metric)]
    if any(row.letters for row in rows):
        about.append("methods that share a letter are not significantly different")
    if off := [value["trivial_baseline"] for value in values if value["off"]]:
        about.append(f"off the scale: {several(off)}")
    return chart(
        _finding(methods, [value for value in values if value["kind"] == "trivial_baseline"], metric),
        about,
        f"{axis(metric)} of {counted(len(methods), 'method')} with 95 % intervals; trivial baselines are dashed lines.",
        values,
        18 * max(len(methods), 1),
        layer=[*_trivial_baselines(values, metric), *_intervals(metric, [m["method"] for m in methods])],
    )


def _point(row: Row, name: str, rows: Sequence[Row], metric: Metric) -> dict[str, Any]:
    value = row.values[metric.name]
    last = [other for other in rows if (other.key.method, other.key.recipe) == (row.key.method, row.key.recipe)][-1]
    kind = "trivial_baseline" if row.key.trivial_baseline else "method" if last is row else "earlier stage"
    return {
        "method": name,
        "run": f"{row.key.method} {row.key.recipe}",
        "kind": kind,
        "value": scaled(metric, value.mean),
        "low": scaled(metric, value.low),
        "high": scaled(metric, value.high),
        "letters": row.letters,
        "trivial_baseline": f"{name} {words(metric, value.mean)}" if row.key.trivial_baseline else "",
        "off": False,
        "seeds": row.seeds,
    }


def _ordered(methods: list[dict[str, Any]], metric: Metric) -> list[dict[str, Any]]:
    """By the mean of the last stage, whose earlier stages follow it."""
    last: dict[str, float] = {value["run"]: value["value"] for value in methods}  # later stages replace earlier ones
    sign = -1 if metric.higher_is_better else 1
    return sorted(methods, key=lambda value: (sign * last[value["run"]], value["run"], value["kind"] != "method"))


def _leave_off(values: list[dict[str, Any]], methods: list[dict[str, Any]]) -> None:
    """A trivial baseline far below all methods would squeeze them into a corner; it is told in words only."""
    ends = [end for value in methods for end in (value["low"], value["value"], value["high"]) if end is not None]
    for value in values:
        if ends and value["kind"] == "trivial_baseline" and not near(value["value"], ends):
            value["off"] = True


def _sample(rows: Sequence[Row], table: Table) -> str:
    return f"{counted(min(row.n or 0 for row in rows), 'test item')}, {seeds_of(rows, table)}"


def _finding(methods: list[dict[str, Any]], trivial_baselines: list[dict[str, Any]], metric: Metric) -> str:
    """Who is best, and from how many it differs significantly; a trivial baseline that nothing beats comes first."""
    last = [value for value in methods if value["kind"] != "earlier stage"]
    best, trivial_baseline = _best(last or trivial_baselines, metric), _best([*trivial_baselines, *last], metric)
    name, factor = metric.name.replace("_", " "), scale(metric)
    first = [one for one in last or trivial_baselines if metric.alike(one["value"] / factor, best["value"] / factor)]
    who, have = several([one["method"] for one in first]), "has" if len(first) == 1 else "have"
    told = f"{who} {have} the best mean {name}, {_words(best, metric)}"
    if trivial_baseline is not best:
        unbeaten = trivial_baseline["trivial_baseline"]
        told = f"No mean {name} is better than the trivial baseline {unbeaten}: {who} {have} {_words(best, metric)}"
    others = [value for value in last if value not in first and value["letters"]]
    if not best["letters"] or not others:
        return told
    with_first = set().union(*(letters_of(one["letters"]) for one in first))
    tied = [value["method"] for value in others if letters_of(value["letters"]) & with_first]
    return (
        f"{told}, not significantly different from {several(tied)}"
        if tied
        else f"{told}, significantly different from all others"
    )


def _best(values: list[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    return (max if metric.higher_is_better else min)(values, key=lambda value: value["value"])


def _words(value: dict[str, Any], metric: Metric) -> str:
    return words(metric, value["value"] / scale(metric))


def letters_of(text: str) -> set[str]:
    """``ab'c`` as a, b' and c."""
    return set(re.findall("[a-z]'*", text))


def _trivial_baselines(values: list[dict[str, Any]], metric: Metric) -> list[dict[str, Any]]:
    trivial_baselines = [
        value["trivial_baseline"] for value in values if value["trivial_baseline"] and not value["off"]
    ]
    if not trivial_baselines:
        return []
    colours = [BASELINE_COLOURS[i % len(BASELINE_COLOURS)] for i in range(len(trivial_baselines))]
    dashes = [DASHES[i % len(DASHES)] for i in range(len(trivial_baselines))]
    legend = {"title": "trivial baselines", "symbolType": "stroke", "columns": 2}
    field: dict[str, Any] = {"field": "trivial_baseline", "type": "nominal", "sort": None, "legend": legend}
    return [
        {
            "transform": [{"filter": "datum.kind === 'trivial_baseline' && !datum.off"}],
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": {
                "x": {"field": "value", "type": "quantitative", "title": axis(metric)},
                "color": {**field, "scale": {"domain": trivial_baselines, "range": colours}},
                "strokeDash": {**field, "scale": {"domain": trivial_baselines, "range": dashes}},
            },
        }
    ]


def _intervals(metric: Metric, order: list[str]) -> list[dict[str, Any]]:
    y = {"field": "method", "type": "nominal", "sort": order, "title": None, "axis": {"ticks": False, "domain": False}}
    x = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False, "nice": True}}
    own = [{"filter": "datum.kind !== 'trivial_baseline'"}]
    tooltip = [{"field": name} for name in ("method", "value", "low", "high", "letters", "seeds")]
    return [
        {
            "needs": "low",
            "transform": [*own, {"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 1.5, "color": BLUE},
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "transform": own,
            "mark": {"type": "point", "filled": True, "strokeWidth": 1.5, "stroke": BLUE, "opacity": 1},
            "encoding": {
                "y": y,
                "x": x,
                "fill": {"condition": {"test": "datum.kind === 'method'", "value": BLUE}, "value": "white"},
                "tooltip": tooltip,
            },
        },
        {
            "transform": own,
            "mark": {"type": "text", "align": "left", "dx": 4},
            "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "letters"}},
        },
    ]
