"""Learning curves: the headline metric over shots or the share of training data, and where the leader changes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, chart
from bench.plots.crossover import crossover_near, told
from bench.plots.labels import bars, drawable, labels, one_setting, seeds_of, several
from bench.plots.reference import Ends, Reference, finding, is_steady, line, line_layers, paired, reference_of
from bench.plots.style import INK, axis, near, scaled, series, words
from bench.plots.sweeps import Sweep, budgets, without
from bench.records import Record
from bench.tables import Table
from bench.tables.rows import SUBSETS, Row
from bench.tasks.base import Metric

Change = tuple[float, float, str, str]  # subset size, value, the leader before, the leader after
Means = dict[str, dict[float, float]]  # method -> subset size -> mean
APART = 0.5  # octaves over which methods stand side by side at one subset size


def curves(table: Table, records: Sequence[Record]) -> Chart:
    """A line a method over nested training subsets; a ring marks where the best method changes.

    Methods that no budget changes are horizontal lines; with one, bars are paired differences from the best of them,
    and there are no rings: the question is then who differs significantly from it.

    Args:
        records: Hold the resolved fields of the table's cells.

    Raises:
        UsageError: The rows come from several settings, or none was run with two subset sizes.
    """
    rows = drawable(table, "learning curves")
    every, field = _curves(table, records, rows)
    setting, metric = one_setting(_plain(rows, every, field), table.titles)
    found = dict(zip(labels([sweep.base for sweep in every], table.titles), every, strict=True))
    steady = {name: sweep for name, sweep in found.items() if is_steady(sweep, records, metric)}
    moving, off = _within_reach({name: sweep for name, sweep in found.items() if name not in steady}, metric)
    lines, off = _lines(steady, moving, off, metric)
    reference = reference_of(lines, metric)
    ends = {name: paired(sweep, reference, records, metric) for name, sweep in moving.items()} if reference else {}
    means: Means = {name: _means(sweep, metric) for name, sweep in {**moving, **lines}.items()}
    crossovers = [] if reference else list(lead_changes(means, metric.higher_is_better))
    values = _values(moving, lines, ends, crossovers, metric)
    sizes = sorted({x for sweep in every for x in sweep.points})
    return chart(
        finding(reference, ends, field, metric) if reference and any(ends.values()) else
        _finding(means, metric, field, crossovers),
        [
            setting,
            seeds_of([row for sweep in found.values() for row in sweep.points.values()], table),
            _bars(moving, reference, metric),
            *_crossover_notes(crossovers, found, records, metric),
            *([f"off the scale: {several(off)}"] if off else []),
        ],
        f"{axis(metric)} over {field} for {len(found)} methods.",
        values,
        200,
        layer=_layers(field, metric, list(moving), [v["line"] for v in values if v["kind"] == "line"], sizes),
    )  # fmt: skip


def _within_reach(moving: dict[str, Sweep], metric: Metric) -> tuple[dict[str, Sweep], list[str]]:
    """The curves without trivial baselines that would squeeze the others into a corner, and these in words."""
    kept = [x for sweep in moving.values() if not sweep.base.trivial_baseline for x in _means(sweep, metric).values()]
    far = {
        name: sweep
        for name, sweep in moving.items()
        if sweep.base.trivial_baseline and kept and not all(near(mean, kept) for mean in _means(sweep, metric).values())
    }
    told = [f"{name} {words(metric, min(m))} to {words(metric, max(m))}" for name, m in _spans(far, metric).items()]
    return {name: sweep for name, sweep in moving.items() if name not in far}, told


def _spans(sweeps: dict[str, Sweep], metric: Metric) -> dict[str, list[float]]:
    return {name: list(_means(sweep, metric).values()) for name, sweep in sweeps.items()}


def _lines(
    steady: dict[str, Sweep], moving: dict[str, Sweep], off: list[str], metric: Metric
) -> tuple[dict[str, Sweep], list[str]]:
    """The methods that no budget changes, those far from all curves in words only."""
    drawn = [mean for means in _spans(moving, metric).values() for mean in means]
    values = {name: means[0] for name, means in _spans(steady, metric).items()}
    far = [name for name, value in values.items() if drawn and not near(value, drawn)]
    lines = {name: sweep for name, sweep in steady.items() if name not in far}
    return lines, [*off, *(f"{name} {words(metric, values[name])}" for name in far)]


def _means(sweep: Sweep, metric: Metric) -> dict[float, float]:
    return {x: row.values[metric.name].mean for x, row in sweep.points.items()}


def _bars(moving: dict[str, Sweep], reference: Reference | None, metric: Metric) -> str:
    if reference is not None:
        return f"bars: 95\u00a0% intervals of the paired difference from {reference.name}, each for its pair alone"
    return bars([row for sweep in moving.values() for row in sweep.points.values()], metric)


def _values(
    moving: dict[str, Sweep], lines: dict[str, Sweep], ends: dict[str, Ends], crossovers: list[Change], metric: Metric
) -> list[dict[str, Any]]:
    """All that is drawn; methods stand side by side at each size, so that their bars do not overlap."""
    found = [line(name, _spans({name: sweep}, metric)[name][0], metric) for name, sweep in lines.items()]
    for number, (name, sweep) in enumerate(moving.items()):
        shift = 2 ** (APART * ((number + 0.5) / len(moving) - 0.5))
        found += _points(sweep, name, metric, ends.get(name), shift)
    return found + [
        {"x": x, "at": x, "value": scaled(metric, value), "passes": f"{new} passes {old}", "kind": "crossover"}
        for x, value, old, new in crossovers
    ]


def _crossover_notes(
    crossovers: list[Change], sweeps_of: dict[str, Sweep], records: Sequence[Record], metric: Metric
) -> list[str]:
    """What a ring is, and how well the last one's place is known."""
    if not crossovers:
        return []
    at, _, old, new = crossovers[-1]
    place = crossover_near(at, sweeps_of[old], sweeps_of[new], records, metric)
    return ["rings: the best mean changes", *([] if place is None else [f"{new} and {old}: {told(place)}"])]


def lead_changes(means: Means, higher: bool = True) -> Iterator[Change]:
    """Where one method's line passes the other's at the top, lines being straight over the logarithm of the size.

    A line that only reaches the leader's, at the last size, passes nothing.

    Yields:
        Subset size, value, the leader before, the leader after; between sizes at which both were run.
    """
    sign = 1 if higher else -1
    sizes = sorted({x for points in means.values() for x in points})
    old = ""
    for left, right in pairwise(sizes):
        both = {name: (points[left], points[right]) for name, points in means.items() if {left, right} <= points.keys()}
        if not both:
            continue
        best = max(both, key=lambda name: (sign * both[name][0], sign * both[name][1]))
        old = old if old in both and math.isclose(both[old][0], both[best][0]) else best  # the leader stays
        at = 0.0
        while (step := _next_leader(both, old, at, sign)) is not None:
            at, new = step
            size = math.exp(math.log(left) + at * (math.log(right) - math.log(left)))
            yield size, both[new][0] + at * (both[new][1] - both[new][0]), old, new
            old = new


def _next_leader(both: dict[str, tuple[float, float]], old: str, at: float, sign: int) -> tuple[float, str] | None:
    """The first place from ``at`` on (0..1 between two sizes) where another line passes the leader's."""
    (start, end), found = both[old], []
    for name, (begin, finish) in both.items():
        gain = sign * ((finish - begin) - (end - start))
        behind = 0.0 if math.isclose(start, begin) else sign * (start - begin)
        if gain > 0 and at <= (place := behind / gain) < 1 and not math.isclose(end, finish):
            found.append((place, -gain, name))
    if not found:
        return None
    place, _, name = min(found)
    return place, name


def _curves(table: Table, records: Sequence[Record], rows: list[Row]) -> tuple[list[Sweep], str]:
    for field in SUBSETS:
        if found := budgets(table, records, field, rows):
            return found, field
    raise UsageError("No method was run with two subset sizes. Run it with several shots, as in -o shots=[1,4,16].")


def _plain(rows: list[Row], found: list[Sweep], field: str) -> list[Row]:
    """The rows as if their budget were not named."""
    bases = {row.cells: sweep.base for sweep in found for row in sweep.points.values()}
    return [replace(row, key=bases.get(row.cells) or without(row.key, "dataset", field)) for row in rows]


def _points(sweep: Sweep, name: str, metric: Metric, ends: Ends | None, shift: float) -> list[dict[str, Any]]:
    """A method's points, with paired intervals where there is something to be paired with, else the rows' own."""
    found = []
    for x, row in sweep.points.items():
        estimate = row.values[metric.name]
        low, high = (estimate.low, estimate.high) if ends is None else ends.get(x, (None, None))
        found.append({
            "x": x, "at": x * shift, "value": scaled(metric, estimate.mean), "low": scaled(metric, low),
            "high": scaled(metric, high), "method": name, "kind": "mean",
        })  # fmt: skip
    return found


def _finding(means: Means, metric: Metric, field: str, crossovers: list[Change]) -> str:
    sizes = sorted({x for points in means.values() for x in points})
    last = {name: points[sizes[-1]] for name, points in means.items() if sizes[-1] in points}
    best = (max if metric.higher_is_better else min)(last.values())
    first = [name for name, mean in last.items() if metric.alike(mean, best)]
    if len(first) > 1:
        return f"{several(first)} have the same best mean at {sizes[-1]:g} {field}"
    if crossovers:
        x, _, old, new = crossovers[-1]
        return f"{new} passes {old} at about {x:.3g} {field}"
    return f"{first[0]} has the best mean from {sizes[0]:g} to {sizes[-1]:g} {field}"


def _layers(
    field: str, metric: Metric, names: list[str], steady: list[str], sizes: list[float]
) -> list[dict[str, Any]]:
    title = "training samples per class (shots)" if field == "shots" else "share of the training split"
    x = {
        "field": "at", "type": "quantitative", "title": title, "axis": {"grid": False, "format": "~g", "values": sizes},
        "scale": {"type": "log", "base": 2, "nice": False, "padding": 6},
    }  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False}}
    encoding = series("method", names)
    tooltip = [{"field": name} for name in ("method", "x", "value", "low", "high")]
    lines = [{"filter": "datum.kind === 'mean'"}]
    return [
        *line_layers(y, steady),
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
            "transform": [{"filter": "datum.kind === 'crossover'"}],
            "mark": {"type": "point", "shape": "circle", "size": 190, "filled": False, "stroke": INK, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": [{"field": "passes"}, {"field": "x"}, {"field": "value"}]},
        },
    ]
