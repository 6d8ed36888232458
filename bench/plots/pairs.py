"""Which pairs of methods of a comparison group are separable, and by how much they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.labels import several
from bench.plots.style import BLUE, VERMILLION, axis, scale
from bench.stats import ComparisonGroup
from bench.tables.comparison_groups import Compared
from bench.tables.resolution import difference_words
from bench.tables.seeds import unequal
from bench.tasks.base import Metric

MOST = 40  # methods that a matrix can name
NUMBERED = 7  # methods up to which each place has room for its difference
BETTER, WORSE, OPEN, UNTESTABLE = "row better", "row worse", "no significant difference", "untestable"


def pairs(compared: Compared, called: Mapping[str, str] | None = None) -> Chart:
    """A matrix of all pairs, methods from best to worst mean; each place is the row's mean less the column's.

    Args:
        compared: A comparison group.
        called: What its rows are called; else `bench.tables.comparison_groups.name_of`.

    Raises:
        UsageError: The group has no verdicts, or more methods than a picture can name.
    """
    verdicts, metric = compared.verdicts, compared.metric
    if verdicts is None:
        raise UsageError(f"These rows cannot be compared: {compared.problem}.")
    if len(verdicts.names) > MOST:
        raise UsageError(
            f"{len(verdicts.names)} methods are too many for a matrix of pairs. Filter to {MOST} or fewer."
        )
    names = [(called or {}).get(verdicts.names[place], verdicts.names[place]) for place in verdicts.order]
    values = [_place(verdicts, names, (a, b), metric) for a in range(len(names)) for b in range(len(names)) if a != b]
    separated = sum(value["verdict"] == BETTER for value in values)
    return chart(
        f"{separated} of {counted(verdicts.pairs, 'pair')} separated{_with_the_best(compared, verdicts, names)}",
        [
            compared.place.label,
            counted(verdicts.items, "test item"),
            *([f"{said}: each difference is over those that both have"] if (said := unequal(compared)) else []),
            f"typical minimum detectable effect {difference_words(metric, verdicts.mde_holm)}",
            f"Holm at {verdicts.alpha:g}",
        ],
        f"Differences in {axis(metric)} between {counted(len(names), 'method')}, and which were found by the tests.",
        values,
        22 * len(names),
        layer=_layers(names),
    )


def _with_the_best(compared: Compared, verdicts: ComparisonGroup, names: list[str]) -> str:
    """How many of several others the tests do not separate from the best mean."""
    first = compared.first
    others = [place for place in verdicts.order if place not in first]
    tied = sum(not all(verdicts.different[best, other] for best in first) for other in others)
    return (
        f"; {tied} not significantly different from {several(names[: len(first)])}, the best mean"
        if len(others) > 1
        else ""
    )


def verdict(verdicts: ComparisonGroup, a: int, b: int) -> str:
    """What the tests say of the methods at two places."""
    if verdicts.different[a, b]:
        return BETTER if verdicts.better[a, b] else WORSE
    return UNTESTABLE if verdicts.untestable[a, b] else OPEN


def _place(verdicts: ComparisonGroup, names: list[str], at: tuple[int, int], metric: Metric) -> dict[str, Any]:
    a, b = (verdicts.order[place] for place in at)
    return {
        "row": names[at[0]],
        "column": names[at[1]],
        "difference": round(float(verdicts.matched.table.mean[a, b]) * scale(metric), 4),
        "p": float(f"{verdicts.adjusted[a, b]:.3g}"),
        "verdict": verdict(verdicts, a, b),
    }


def _layers(order: list[str]) -> list[dict[str, Any]]:
    x = {
        "field": "column", "type": "nominal", "sort": order, "title": None,
        "axis": {"labelAngle": -45, "orient": "bottom", "labelLimit": 90},
    }  # fmt: skip
    y = {"field": "row", "type": "nominal", "sort": order, "title": None}
    kinds = [BETTER, WORSE, OPEN, UNTESTABLE]
    legend = {"title": None, "columns": 2, "symbolSize": 70}
    colour = {
        "field": "verdict", "type": "nominal", "legend": legend,
        "scale": {"domain": kinds, "range": [BLUE, VERMILLION, "#9a9a9a", "#9a9a9a"]},
    }  # fmt: skip
    shape = {
        "field": "verdict", "type": "nominal", "legend": legend,
        "scale": {"domain": kinds, "range": ["triangle-up", "triangle-down", "circle", "cross"]},
    }  # fmt: skip
    small = len(order) <= NUMBERED
    marks: list[dict[str, Any]] = [
        {
            "mark": {"type": "point", "filled": True, "opacity": 1, "yOffset": -4 if small else 0},
            "encoding": {
                "x": x, "y": y, "color": colour, "shape": shape,
                "size": {"condition": {"test": f"datum.verdict === '{OPEN}'", "value": 22}, "value": 70},
                "tooltip": [{"field": name} for name in ("row", "column", "difference", "p", "verdict")],
            },
        }
    ]  # fmt: skip
    if small:
        text = {"field": "difference", "type": "quantitative", "format": "+.1f"}
        marks.append(
            {
                "mark": {"type": "text", "fontSize": 8, "dy": 7},
                "encoding": {"x": x, "y": y, "text": text},
            }
        )
    return marks
