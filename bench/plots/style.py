"""How charts look: colours that everyone can tell apart, with a shape beside each, at the width of a paper's column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.tasks.base import Metric

VEGA_LITE = "6.4"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name, nothing is fetched
COLUMN = 340  # pixels, one point each: a column of a two-column paper
LINE_CHARACTERS = 68  # of a subtitle over a column
CLIPPED = 24  # characters that a legend of two columns has room for
WIDTHS = {True: 0.74, False: 1.0}  # bold and larger letters: fewer of them

# Okabe & Ito, "Color Universal Design" (2008); black is left to the ink, yellow comes last as it is faint on white.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442",
)  # fmt: skip
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, YELLOW)
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
DASHES = ([5, 3], [2, 2], [8, 3, 2, 3])
INK, FAINT, GRID = "#222222", "#5f5f5f", "#dddddd"
ON_LIGHT = "#111111"  # letters on a light square, on dark pages too
SEQUENTIAL = ["#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b"]  # light to dark: also right in grey

CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "Helvetica, Arial, Liberation Sans, sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "title": {
        "anchor": "start", "frame": "bounds", "fontSize": 12, "fontWeight": "bold", "subtitleFontSize": 10,
        "subtitlePadding": 3, "offset": 8, "color": INK, "subtitleColor": FAINT,
    },
    "axis": {
        "labelFontSize": 10, "titleFontSize": 10, "titleFontWeight": "normal", "labelLimit": 170, "gridColor": GRID,
        "domainColor": FAINT, "tickColor": FAINT, "labelColor": INK, "titleColor": INK,
    },
    "legend": {
        "labelFontSize": 10, "titleFontSize": 10, "titleFontWeight": "normal", "labelLimit": 150, "orient": "bottom",
        "columns": 2, "offset": 8, "labelColor": INK, "titleColor": INK, "symbolStrokeWidth": 1.5, "symbolOpacity": 1,
    },
    "header": {"labelFontSize": 10, "labelColor": INK, "titleColor": INK},
    "text": {"fontSize": 10, "color": INK},
    "rule": {"color": FAINT},
    "point": {"size": 55, "filled": True},
    "line": {"strokeWidth": 1.5},
}  # fmt: skip


def scaled(metric: Metric, value: float | None) -> float | None:
    """A value as people are shown it: fractions in percent."""
    return None if value is None else round(value * scale(metric), 6)


def scale(metric: Metric) -> int:
    """What a stored value is multiplied by where people read it."""
    return 100 if metric.unit == "%" else 1


def words(metric: Metric, value: float) -> str:
    """``95.3 %``, ``0.412 nats``."""
    text = f"{value * scale(metric):.{1 if metric.unit == '%' else 3}f}"
    return f"{text}\u00a0{metric.unit}".strip()  # on one line


def near(value: float | None, values: Sequence[float]) -> bool:
    """Whether a value is near enough to others that an axis may stretch to it without squeezing them."""
    span = max(max(values) - min(values), 1e-9)
    return value is not None and min(values) - span / 2 <= value <= max(values) + span / 2


def axis(metric: Metric) -> str:
    """An axis's title."""
    return f"{metric.name.replace('_', ' ')} ({metric.unit})" if metric.unit else metric.name.replace("_", " ")


def series(field: str, names: list[str], title: str | None = None) -> dict[str, Any]:
    """Encodings that give each name a colour and a shape, with one legend for both."""
    domain = {"domain": names}
    legend: dict[str, Any] = {"title": title}
    if len({name[:CLIPPED] for name in names}) < len(names):  # cut short, some would read alike
        legend |= {"columns": 1, "labelLimit": COLUMN - 40}
    return {
        "color": {
            "field": field, "type": "nominal", "sort": None, "legend": legend,
            "scale": {**domain, "range": [COLOURS[i % len(COLOURS)] for i in range(len(names))]},
        },
        "shape": {
            "field": field, "type": "nominal", "sort": None, "legend": legend,
            "scale": {**domain, "range": [SHAPES[(i + i // len(COLOURS)) % len(SHAPES)] for i in range(len(names))]},
        },
    }  # fmt: skip
