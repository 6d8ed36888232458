"""A chart as a journal wants it: so many millimetres wide, letters of one size, and perhaps no title."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, broken
from bench.plots.style import COLUMN, CONFIG

POINTS = 72 / 25.4  # of a millimetre; a chart's pixel is a point
NARROWEST, WIDEST = 40.0, 400.0  # millimetres
SIZES = (4.0, 30.0)  # points of letters


def for_paper(chart: Chart, title: bool = True, width_mm: float | None = None, font_size: float | None = None) -> Chart:
    """The same chart for print.

    Args:
        title: False: without it, since a caption says it; the file's description keeps it.
        width_mm: Of the whole picture: 85 is a column, 174 a page of two. Of panels, of all in a row.
        font_size: Points of labels, titles of axes and legend; the chart's title is two larger.

    Raises:
        UsageError: A number is out of range.
    """
    _check("--width-mm", width_mm, (NARROWEST, WIDEST))
    _check("--font-size", font_size, SIZES)
    made = Chart(deepcopy(dict(chart)))
    if width_mm is not None:
        _widen(made, width_mm * POINTS)
    if font_size is not None:
        made["config"] = _lettered(made["config"], font_size)
    if not title:
        made.pop("title", None)
    return made


def _check(option: str, value: float | None, ends: tuple[float, float]) -> None:
    if value is not None and not ends[0] <= value <= ends[1]:
        raise UsageError(f"{option} {value:g} is not between {ends[0]:g} and {ends[1]:g}.")


def _widen(chart: Chart, width: float) -> None:
    """Set the width, in points, and break the lines of the title anew."""
    factor = width / _width(chart)
    if "spec" in chart:
        chart["spec"]["width"] = round(chart["spec"]["width"] * factor)
    else:
        chart["width"] = round(width)
    told = chart["title"]
    told["text"] = broken(" ".join(told["text"]), True, round(width))
    told["subtitle"] = broken(" ".join(told["subtitle"]), False, round(width))


def _width(chart: Chart) -> float:
    if "spec" not in chart:
        return float(chart["width"])
    return float(chart.get("columns", 1) * (chart["spec"]["width"] + COLUMN / 6))


def _lettered(config: dict[str, Any], size: float) -> dict[str, Any]:
    """The configuration with every size of letters in proportion to that of labels."""
    factor = size / CONFIG["axis"]["labelFontSize"]

    def scaled(part: Any) -> Any:
        if not isinstance(part, dict):
            return part
        return {
            name: round(value * factor, 2) if name.endswith("ontSize") else scaled(value)
            for name, value in part.items()
        }

    return dict(scaled(config))
