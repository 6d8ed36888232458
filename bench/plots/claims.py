"""Published numbers against ours, with verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.style import BLUE, COLUMN, GREEN, VERMILLION

# Verdict -> colour and shape; a number that is not comparable has no place in the picture.
VERDICTS = {
    "reproduced": (GREEN, "circle"),
    "within noise": (BLUE, "square"),
    "contradicted": (VERMILLION, "triangle-up"),
}
PERCENT = ("%", "fraction")


def claims(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Our mean less the published number, a row a claim, with what chance explains and the tolerance around zero.

    Args:
        rows: As `bench.claims.render.facts` gives them. Accuracies and the like are drawn, in points; counts are not.

    Raises:
        UsageError: No claim was compared.
    """
    drawn = [row for row in rows if row["verdict"] in VERDICTS and row["unit"] in PERCENT]
    if not drawn:
        raise UsageError(
            "No claim has been compared with runs, so there is nothing to draw. `bench run --claims PAPER` runs them."
        )
    values = [_value(row) for row in drawn]
    counts = {name: sum(value["verdict"] == name for value in values) for name in VERDICTS}
    left_out = len(rows) - len(drawn)
    return chart(
        ", ".join(f"{number} {name}" for name, number in counts.items() if number),
        [
            f"{counted(len(drawn), 'claim')} compared",
            f"{left_out} not run or not comparable",
            "bar: what chance explains",
            "grey band: tolerance",
        ],
        "Difference of our mean from each published number, in points, coloured by verdict.",
        values,
        18 * len(values),
        width=round(1.3 * COLUMN),
        layer=_layers(),
    )


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    def points(number: float | None) -> float | None:
        return None if number is None else round(100 * number, 4)

    difference, width, tolerance = (points(row.get(name)) for name in ("difference", "width", "tolerance"))
    assert difference is not None
    return {
        "claim": row["id"],
        "published": row["value"],
        "ours": points(row.get("ours")),
        "difference": difference,
        "low": None if width is None else round(difference - width, 4),
        "high": None if width is None else round(difference + width, 4),
        "tolerance": tolerance,
        "minus": None if tolerance is None else -tolerance,
        "verdict": row["verdict"],
        "seeds": row.get("seeds"),
    }


def _layers() -> list[dict[str, Any]]:
    y = {"field": "claim", "type": "nominal", "sort": None, "title": None}
    x = {"field": "difference", "type": "quantitative", "title": "ours less published (points)"}
    names = list(VERDICTS)
    both: dict[str, Any] = {"field": "verdict", "type": "nominal", "legend": {"title": None, "columns": 3}}
    colour = {**both, "scale": {"domain": names, "range": [colour for colour, _ in VERDICTS.values()]}}
    shape = {**both, "scale": {"domain": names, "range": [shape for _, shape in VERDICTS.values()]}}
    tooltip = [
        {"field": name} for name in ("claim", "published", "ours", "difference", "tolerance", "verdict", "seeds")
    ]
    return [
        {
            "needs": "tolerance",
            "transform": [{"filter": "isValid(datum.tolerance)"}],
            "mark": {"type": "bar", "color": "#8a8a8a", "opacity": 0.28, "height": 12},
            "encoding": {"y": y, "x": {**x, "field": "minus"}, "x2": {"field": "tolerance"}},
        },
        {"data": {"values": [{"zero": 0}]}, "mark": "rule", "encoding": {"x": {**x, "field": "zero"}}},
        {
            "needs": "low",
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "opacity": 1},
            "encoding": {"y": y, "x": x, "color": colour, "shape": shape, "tooltip": tooltip},
        },
    ]
