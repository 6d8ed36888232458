"""Mean ranks over data sets with the critical difference: methods that a bar joins are not significantly different."""

from __future__ import annotations

from typing import Any

from bench.plots.chart import Chart, chart
from bench.plots.style import BLUE, FAINT
from bench.tables.ranking import Ranking
from bench.tables.ranking_text import finding

ROW = 18  # pixels of a method


def ranks(ranking: Ranking) -> Chart:
    """A point a method at its mean rank, best first; bars join those that Nemenyi's test does not tell apart."""
    told, names = ranking.ranks, ranking.names
    values: list[dict[str, Any]] = [
        {"method": names[m], "rank": round(float(told.mean[m]), 3), "kind": "method"} for m in told.order
    ]
    for number, clique in enumerate(told.cliques):
        if len(clique) > 1:
            low, high = (round(float(told.mean[m]), 3) for m in (clique[0], clique[-1]))
            values.append({"method": names[clique[0]], "rank": low, "to": high, "kind": "bar", "clique": number})
    about = [
        f"{len(ranking.groups)} data sets: {', '.join(ranking.datasets)}",
        f"bars: no significant difference (Nemenyi, critical difference {told.critical:.2f})",
    ]
    return chart(
        finding(ranking),
        about,
        f"Mean rank of {len(names)} methods over {len(ranking.groups)} data sets, 1 the best.",
        values,
        ROW * len(names),
        layer=_layers([names[m] for m in told.order]),
    )


def _layers(order: list[str]) -> list[dict[str, Any]]:
    y = {"field": "method", "type": "nominal", "sort": order, "title": None}
    x = {
        "field": "rank",
        "type": "quantitative",
        "title": "mean rank (1: best)",
        "scale": {"zero": False, "padding": 8},
    }
    bars = {
        "transform": [{"filter": "datum.kind == 'bar'"}],
        "mark": {"type": "rule", "strokeWidth": 4, "color": FAINT},
        "encoding": {"x": x, "x2": {"field": "to"}, "y": y, "yOffset": {"value": ROW * 0.8}},
    }
    points = {
        "transform": [{"filter": "datum.kind == 'method'"}],
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1, "color": BLUE},
        "encoding": {"x": x, "y": y, "tooltip": [{"field": name} for name in ("method", "rank")]},
    }
    return [bars, points]
