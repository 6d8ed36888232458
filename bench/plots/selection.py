"""What choosing is worth: a method's headline metric by what chose its epoch, its rate or its strength."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from bench.cells.cell import Cell
from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.labels import several
from bench.plots.style import FAINT, axis, scaled, series
from bench.records import Record, Selection
from bench.tables.metrics import metrics_of
from bench.tables.resolution import difference_words
from bench.tasks.base import Metric

Way = tuple[str, int]  # the split that was looked at, and how many labels
Means = dict[str, dict[Way, float]]  # method -> way -> mean over seeds
_ORDER = ("none", "inner_cv", "val", "test")


def selection(records: Sequence[Record]) -> Chart:
    """A point a method and way of choosing, means over seeds; methods that chose nothing have one.

    Records must be of one data set, training size and test split. Those selected on the test split are shown: that is
    what the chart is about.

    Raises:
        UsageError: The records come from several settings, or all were chosen in one way.
    """
    chosen = [record for record in records if record.status == "done" and record.selection and record.stages]
    chosen = [record for record in chosen if not record.trivial_baseline]
    setting, metric = _setting(chosen), metrics_of(chosen[0].task)[0]
    means = _means(chosen, metric)
    ways = sorted({way for found in means.values() for way in found}, key=lambda way: (_ORDER.index(way[0]), way[1]))
    if len(ways) < 2:
        raise UsageError(
            "All these records were chosen in one way. Run them with other val_shots, or on other protocols."
        )
    base = next((way for way in ways if way[0] == "val"), ways[0])
    order = _ordered(means, base, metric)
    values = [
        {"method": name, "way": _words(way), "value": scaled(metric, means[name][way])}
        for name in order
        for way in ways
        if way in means[name]
    ]
    return chart(
        _finding(means, ways, base, metric),
        [
            setting,
            f"means over {counted(len({record.seed for record in chosen}), 'seed')}",
            f"ordered by {_words(base)}",
        ],
        f"{axis(metric)} of {counted(len(means), 'method')} by what chose epoch, rate or strength.",
        values,
        18 * len(means),
        layer=_layers(metric, order, [_words(way) for way in ways]),
    )


def _setting(records: Sequence[Record]) -> str:
    """The data set, its training size and the backbone, in words."""
    if not records:
        raise UsageError("No finished row to draw for the selection. Run the cells, or choose others by a filter.")
    found = {
        (
            record.dataset.name,
            record.stages[-1].items.get("test", {}).get("ids"),
            record.stages[-1].n.get("train"),
            Cell.parse(record.cell).backbone.name,
        )
        for record in records
    }
    if len(found) > 1:
        told = sorted(f"{name}, {train} training samples, {backbone}" for name, _, train, backbone in found)
        raise UsageError(
            f"The figure needs one data set, training size, test split and backbone, not {len(found)} "
            f"({several(told)}). Filter the rows."
        )
    name, _, train, backbone = found.pop()
    return f"{name} · {backbone} · {counted(train or 0, 'training sample')}"


def _means(records: Sequence[Record], metric: Metric) -> Means:
    scores: dict[str, dict[Way, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        value = record.stages[-1].metrics["test"][metric.name]
        if value is not None and record.selection is not None:
            scores[str(Cell.parse(record.cell).method)][_way(record.selection)].append(value)
    return {name: {way: fmean(values) for way, values in found.items()} for name, found in scores.items()}


def _way(selection: Selection) -> Way:
    return selection.by, 0 if selection.by == "test" else selection.labels


def _words(way: Way) -> str:
    by, labels = way
    named = {"none": "no label", "inner_cv": "within training", "test": "test split"}
    return named.get(by, f"{labels:,} labels")


def _ordered(means: Means, base: Way, metric: Metric) -> list[str]:
    """The best by the base way first; methods without it by their only mean."""
    sign = -1 if metric.higher_is_better else 1
    return sorted(means, key=lambda name: (sign * means[name].get(base, next(iter(means[name].values()))), name))


def _finding(means: Means, ways: Sequence[Way], base: Way, metric: Metric) -> str:
    """The median difference of each way from the base, over the methods that have both."""
    told = []
    for way in ways:
        both = [found[way] - found[base] for found in means.values() if way in found and base in found]
        if way != base and both:
            sign = "\u2212" if median(both) < 0 else "+"
            less = difference_words(metric, abs(median(both)))
            told.append(f"{_words(way)} {sign}{less} (median of {counted(len(both), 'method')})")
    return f"Against choosing by {_words(base)}: {', '.join(told) or 'nothing to compare'}"


def _layers(metric: Metric, order: list[str], ways: list[str]) -> list[dict[str, Any]]:
    y = {"field": "method", "type": "nominal", "sort": order, "title": None, "axis": {"ticks": False, "domain": False}}
    x = {"field": "value", "type": "quantitative", "title": axis(metric), "scale": {"zero": False, "nice": True}}
    ends = [{"op": op, "field": "value", "as": name} for op, name in (("min", "least"), ("max", "most"))]
    return [
        {
            "transform": [{"aggregate": ends, "groupby": ["method"]}],
            "mark": {"type": "rule", "color": FAINT},
            "encoding": {"y": y, "x": {**x, "field": "least"}, "x2": {"field": "most"}},
        },
        {
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "encoding": {
                "y": y,
                "x": x,
                **series("way", ways, "chosen by"),
                "tooltip": [{"field": name} for name in ("method", "way", "value")],
            },
        },
    ]
