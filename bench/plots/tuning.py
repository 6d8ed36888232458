"""Validation score over the learning rates that a cell tried, which says whether the grid was wide enough."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, panels
from bench.plots.labels import labels, several
from bench.plots.style import COLUMN, axis, scale, series
from bench.records import Record
from bench.tables.metrics import selecting
from bench.tables.rows import group, place
from bench.tasks.base import Metric

Scores = dict[float, list[float]]  # learning rate -> validation score of each run
Means = dict[float, float]
# Panel -> the trial's field. A method that trains pre-trained weights tries each rate of one with each of the other.
PANELS = {"rate of what the method adds": "lr", "rate of pre-trained weights": "backbone_lr"}


def tuning(records: Sequence[Record]) -> Chart:
    """A line a method: mean validation score over learning rates, the chosen one larger; a panel a kind of rate.

    Raises:
        UsageError: No record has tried more than one learning rate, or the records are of several tasks.
    """
    groups = {key: found for key, found in group(records).items() if any(_scores(found, kind) for kind in PANELS)}
    if not groups:
        raise UsageError("No record here tried several learning rates. Use a recipe with an lr_grid, such as tuned.")
    metrics = {selecting(record) for record in records if record.diagnostics.get("tuning")}
    if len({key.task for key in groups}) > 1 or len(metrics) > 1:
        raise UsageError("The records are of several tasks, or chosen by several metrics. Filter them.")
    metric = metrics.pop()
    names = labels(list(groups))
    lines = [
        (kind, name, {rate: sum(scores) / len(scores) for rate, scores in tried.items()})
        for kind in PANELS
        for name, found in zip(names, groups.values(), strict=True)
        if (tried := _scores(found, kind))
    ]
    settings = sorted({f"{place(key)} · {key.backbone}" for key in groups})
    kinds = list(dict.fromkeys(kind for kind, *_ in lines))
    return panels(
        _finding([(name, kind) for kind, name, means in lines if at_edge(means, metric.higher_is_better)], len(names)),
        [several(settings), "large: chosen", *_notes(groups, kinds)],
        f"Validation {axis(metric)} over the learning rates tried, for {counted(len(names), 'method')}.",
        [point for line in lines for point in _points(*line, metric)],
        ("panel", kinds),
        {"width": COLUMN - 60, "height": 150, "layer": _layers(metric, names, _rates(lines))},
        columns=1,
        resolve={"scale": {"x": "independent"}, "axis": {"x": "independent"}},
    )


def at_edge(points: Means, higher: bool = True) -> bool:
    """Whether the best value is at the smallest or the largest rate, so that a better one may lie outside."""
    best = (max if higher else min)(points, key=lambda rate: points[rate])
    return best in (min(points), max(points))


def _scores(records: Sequence[Record], kind: str) -> Scores:
    """By one kind of rate, where several were tried; at equal ones the best counts, whatever the other rate was.

    Trials that diverged have no score.
    """
    found: Scores = defaultdict(list)
    for record in records:
        metric = selecting(record)
        ahead = max if metric.higher_is_better else min
        best: dict[float, float] = {}
        for trial in record.diagnostics.get("tuning", ()):
            rate, score = trial.get(PANELS[kind]), trial.get(f"val_{metric.name}")
            if rate is not None and score is not None and math.isfinite(score):
                best[rate] = ahead(score, best.get(rate, score))
        for rate, score in best.items():
            found[rate].append(score)
    return dict(sorted(found.items())) if len(found) > 1 else {}


def _notes(groups: Mapping[Any, Sequence[Record]], kinds: Sequence[str]) -> list[str]:
    seeds = counted(max(len(records) for records in groups.values()), "seed")
    return [seeds, "best over the other rate"] if len(kinds) > 1 else [seeds]


def _points(kind: str, name: str, points: Means, metric: Metric) -> list[dict[str, Any]]:
    best = (max if metric.higher_is_better else min)(points, key=lambda rate: points[rate])
    return [
        {"panel": kind, "method": name, "rate": rate, "value": round(value * scale(metric), 6), "chosen": rate == best}
        for rate, value in points.items()
    ]


def _finding(edges: list[tuple[str, str]], number: int) -> str:
    if not edges:
        return f"Every method's best learning rate lies inside the grid ({counted(number, 'method')})"
    names = list(dict.fromkeys(name for name, _ in edges))
    return f"Best learning rate at the grid's edge for {several(names)}: a better one may lie outside"


def _rates(lines: Sequence[tuple[str, str, Means]]) -> list[float]:
    """All rates that were tried, for the axis: what lies between was not."""
    return sorted({rate for *_, means in lines for rate in means})


def _layers(metric: Metric, names: list[str], rates: list[float]) -> list[dict[str, Any]]:
    x = {
        "field": "rate", "type": "quantitative", "title": "learning rate",
        "scale": {"type": "log", "padding": 8, "nice": False},
        "axis": {"grid": False, "format": ".0e", "values": rates, "labelOverlap": "greedy"},
    }  # fmt: skip
    y = {
        "field": "value", "type": "quantitative", "title": f"validation {axis(metric)}",
        "scale": {"zero": False, "padding": 6},
    }  # fmt: skip
    encoding = series("method", names)
    size = {"condition": {"test": "datum.chosen", "value": 130}, "value": 35}
    return [
        {"mark": "line", "encoding": {"x": x, "y": y, "color": encoding["color"]}},
        {
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "encoding": {
                "x": x, "y": y, **encoding, "size": size,
                "tooltip": [{"field": name} for name in ("method", "rate", "value")],
            },
        },
    ]  # fmt: skip
