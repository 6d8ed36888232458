"""Learning curves: the headline metric over shots or the share of training data, and where the leader changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, chart
from bench.plots.crossing import crossing_near, told
from bench.plots.labels import bars, drawable, labels, one_setting, seeds_of
from bench.plots.style import INK, axis, scaled, series
from bench.plots.sweeps import Sweep, sweeps, without
from bench.records import Record
from bench.tables import Table
from bench.tables.rows import SUBSETS, Row
from bench.tasks.base import Metric

Change = tuple[float, float, str, str]  # subset size, value, the leader before, the leader after
Means = dict[str, dict[float, float]]  # method -> subset size -> mean


def curves(table: Table, records: Sequence[Record]) -> Chart:
    """A line a method over nested training subsets; a ring marks where the best method changes.

    Args:
        records: Hold the resolved fields of the table's cells.

    Raises:
        UsageError: The rows come from several settings, or none was run with two subset sizes.
    """
    rows = drawable(table, "learning curves")
    found, field = _curves(table, records, rows)
    setting, metric = one_setting([_plain(row, field) for row in rows])
    names = labels([sweep.base for sweep in found])
    values = [v for sweep, name in zip(found, names, strict=True) for v in _points(sweep, name, metric)]
    means: Means = {
        name: {x: row.values[metric.name].mean for x, row in sweep.points.items()}
        for sweep, name in zip(found, names, strict=True)
    }
    crossings = list(lead_changes(means, metric.higher_is_better))
    values += [
        {"x": x, "value": scaled(metric, value), "passes": f"{new} passes {old}", "kind": "crossing"}
        for x, value, old, new in crossings
    ]
    of_name = dict(zip(names, found, strict=True))
    every = [row for sweep in found for row in sweep.points.values()]
    return chart(
        _finding(means, metric, field, crossings),
        [setting, seeds_of(every), bars(every, metric), *_crossing_notes(crossings, of_name, records, metric)],
        f"{axis(metric)} over {field} for {len(names)} methods.",
        values,
        200,
        layer=_layers(field, metric, names),
    )


def _crossing_notes(
    crossings: list[Change], sweeps_of: dict[str, Sweep], records: Sequence[Record], metric: Metric
) -> list[str]:
    """What a ring is, and how well the last one's place is known."""
    if not crossings:
        return []
    at, _, old, new = crossings[-1]
    place = crossing_near(at, sweeps_of[old], sweeps_of[new], records, metric)
    return ["rings: the best mean changes", *([] if place is None else [f"{new} and {old}: {told(place)}"])]


def lead_changes(means: Means, higher: bool = True) -> Iterator[Change]:
    """Where one method's line passes the other's at the top, lines being straight over the logarithm of the size.

    Yields:
        Subset size, value, the leader before, the leader after; between sizes at which both were run.
    """
    sign = 1 if higher else -1
    sizes = sorted({x for points in means.values() for x in points})
    for left, right in pairwise(sizes):
        both = {name: (points[left], points[right]) for name, points in means.items() if {left, right} <= points.keys()}
        if not both:
            continue
        old = max(both, key=lambda name: (sign * both[name][0], sign * both[name][1]))
        at = 0.0
        while (step := _next_leader(both, old, at, sign)) is not None:
            at, new = step
            size = math.exp(math.log(left) + at * (math.log(right) - math.log(left)))
            yield size, both[new][0] + at * (both[new][1] - both[new][0]), old, new
            old = new


def _next_leader(both: dict[str, tuple[float, float]], old: str, at: float, sign: int) -> tuple[float, str] | None:
    """The first place after ``at`` (0..1 between two sizes) where another line passes the leader's."""
    (start, end), found = both[old], []
    for name, (begin, finish) in both.items():
        gain = sign * ((finish - begin) - (end - start))
        behind = sign * (start - begin)
        if gain > 0 and at < (place := behind / gain) <= 1:
            found.append((place, -gain, name))
    if not found:
        return None
    place, _, name = min(found)
    return place, name


def _curves(table: Table, records: Sequence[Record], rows: list[Row]) -> tuple[list[Sweep], str]:
    for field in SUBSETS:
        if found := sweeps(table, records, "dataset", field, rows):
            return found, field
    raise UsageError("No method was run with two subset sizes. Run it with several shots, as in -o shots=[1,4,16].")


def _plain(row: Row, field: str) -> Row:
    return replace(row, key=without(row.key, "dataset", field))


def _points(sweep: Sweep, name: str, metric: Metric) -> list[dict[str, Any]]:
    return [
        {
            "x": x,
            "value": scaled(metric, row.values[metric.name].mean),
            "low": scaled(metric, row.values[metric.name].low),
            "high": scaled(metric, row.values[metric.name].high),
            "method": name,
            "kind": "mean",
        }
        for x, row in sweep.points.items()
    ]


def _finding(means: Means, metric: Metric, field: str, crossings: list[Change]) -> str:
    if crossings:
        x, _, old, new = crossings[-1]
        return f"{new} passes {old} at about {x:.3g} {field}"
    sizes = sorted({x for points in means.values() for x in points})
    best = max(means, key=lambda name: (1 if metric.higher_is_better else -1) * means[name].get(sizes[-1], -math.inf))
    return f"{best} has the best mean from {sizes[0]:g} to {sizes[-1]:g} {field}"


def _layers(field: str, metric: Metric, names: list[str]) -> list[dict[str, Any]]:
    title = "training samples per class (shots)" if field == "shots" else "share of the training split"
    x = {
        "field": "x", "type": "quantitative", "title": title, "scale": {"type": "log", "base": 2, "nice": False},
        "axis": {"grid": False, "format": "~g"},
    }  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False}}
    encoding = series("method", names)
    tooltip = [{"field": name} for name in ("method", "x", "value", "low", "high")]
    lines = [{"filter": "datum.kind === 'mean'"}]
    return [
        {
            "needs": "low",
            "transform": [*lines, {"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "opacity": 0.6},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": encoding["color"]},
        },
        {"transform": lines, "mark": "line", "encoding": {"x": x, "y": y, "color": encoding["color"]}},
        {
            "transform": lines,
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "encoding": {"x": x, "y": y, **encoding, "tooltip": tooltip},
        },
        {
            "needs": "passes",
            "transform": [{"filter": "datum.kind === 'crossing'"}],
            "mark": {"type": "point", "shape": "circle", "size": 190, "filled": False, "stroke": INK, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": [{"field": "passes"}, {"field": "x"}, {"field": "value"}]},
        },
    ]
