"""Validation score over the learning rates that a cell tried, which says whether the grid was wide enough."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, chart
from bench.plots.labels import counted, labels, several
from bench.plots.style import axis, scale, series
from bench.records import Record
from bench.tables.metrics import selecting
from bench.tables.rows import group
from bench.tables.table import place
from bench.tasks.base import Metric

Scores = dict[float, list[float]]  # learning rate -> validation score of each run


def tuning(records: Sequence[Record]) -> Chart:
    """A line a method: mean validation score over learning rates, the chosen one larger.

    Raises:
        UsageError: No record has tried more than one learning rate, or the records are of several tasks.
    """
    groups = {key: _scores(found) for key, found in group(records).items()}
    groups = {key: found for key, found in groups.items() if len(found) > 1}
    if not groups:
        raise UsageError("No record here tried several learning rates. Use a recipe with an lr_grid, such as tuned.")
    metrics = {selecting(record) for record in records if record.diagnostics.get("tuning")}
    if len({key.task for key in groups}) > 1 or len(metrics) > 1:
        raise UsageError("The records are of several tasks, or chosen by several metrics. Filter them.")
    metric = metrics.pop()
    names = labels(list(groups))
    means = {
        name: {lr: sum(s) / len(s) for lr, s in found.items()}
        for name, found in zip(names, groups.values(), strict=True)
    }
    edges = [name for name, points in means.items() if at_edge(points, metric.higher_is_better)]
    settings = sorted({f"{place(key)} · {key.backbone}" for key in groups})
    return chart(
        _finding(edges, len(means)),
        [several(settings), "large: chosen", counted(max(len(r) for f in groups.values() for r in f.values()), "seed")],
        f"Validation {axis(metric)} over the learning rates tried, for {counted(len(means), 'method')}.",
        [point for name in names for point in _points(name, means[name], metric)],
        190,
        layer=_layers(metric, names, sorted({rate for points in means.values() for rate in points})),
    )


def at_edge(points: dict[float, float], higher: bool = True) -> bool:
    """Whether the best value is at the smallest or the largest rate, so that a better one may lie outside."""
    best = (max if higher else min)(points, key=lambda rate: points[rate])
    return best in (min(points), max(points))


def _scores(records: Sequence[Record]) -> Scores:
    """Trials that diverged have no score; of several trials at one rate (other groups' rates vary) the best counts."""
    found: Scores = defaultdict(list)
    for record in records:
        metric = selecting(record)
        best: dict[float, float] = {}
        for trial in record.diagnostics.get("tuning", ()):
            score = trial.get(f"val_{metric.name}")
            if score is not None and math.isfinite(score):
                ahead = max if metric.higher_is_better else min
                best[trial["lr"]] = ahead(score, best.get(trial["lr"], score))
        for rate, score in best.items():
            found[rate].append(score)
    return dict(sorted(found.items()))


def _points(name: str, points: dict[float, float], metric: Metric) -> list[dict[str, Any]]:
    best = (max if metric.higher_is_better else min)(points, key=lambda rate: points[rate])
    return [
        {"method": name, "lr": rate, "value": round(value * scale(metric), 6), "chosen": rate == best}
        for rate, value in points.items()
    ]


def _finding(edges: list[str], number: int) -> str:
    if not edges:
        return f"Every method's best learning rate lies inside the grid ({counted(number, 'method')})"
    return f"Best learning rate at the grid's edge for {several(edges)}: a better one may lie outside"


def _layers(metric: Metric, names: list[str], rates: list[float]) -> list[dict[str, Any]]:
    x = {
        "field": "lr", "type": "quantitative", "title": "learning rate",
        "scale": {"type": "log", "padding": 8, "nice": False},
        "axis": {"grid": False, "format": ".0e", "values": rates, "labelOverlap": True},
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
                "tooltip": [{"field": name} for name in ("method", "lr", "value")],
            },
        },
    ]  # fmt: skip
