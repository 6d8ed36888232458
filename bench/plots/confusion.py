"""Which classes are taken for which, over all seeds of one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.style import COLUMN, ON_LIGHT, SEQUENTIAL
from bench.stats.confusion import confusion_matrix
from bench.tables.predictions import Run, classified, names_of

NUMBERED = 12  # classes up to which each place shows its share, and each column its name


def confusion(runs: Sequence[Run], class_names: Sequence[str] = (), split: str = "test") -> Chart:
    """A matrix of shares of each true class (row), runs added up.

    Args:
        runs: Record and predictions of each seed.
        class_names: Names in label order; else the numbers are shown.

    Raises:
        UsageError: The runs are of several configurations, or have no logits of classes.
    """
    pairs = classified(runs, split)
    classes = pairs[0][1].shape[1]
    counts = sum(confusion_matrix(targets, logits.argmax(1), classes) for targets, logits in pairs)
    counts = np.asarray(counts)
    names = names_of(classes, class_names)
    values = [_place(counts, names, row, column) for row in range(classes) for column in range(classes)]
    values = [value for value in values if value["share"] is not None]
    return chart(
        _finding(counts, names),
        [runs[0][0].cell.rpartition("/")[0], counted(len(runs), "seed"), f"{split} split"],
        f"Share of each true class (row) that was taken for each class (column), {classes} classes.",
        values,
        min(COLUMN - 60, max(120, 22 * classes)),
        layer=_layers(names),
    )


def _place(counts: np.ndarray, names: list[str], row: int, column: int) -> dict[str, Any]:
    total = int(counts[row].sum())
    share = round(100 * int(counts[row, column]) / total, 2) if total else None
    return {"true": names[row], "predicted": names[column], "count": int(counts[row, column]), "share": share}


def _finding(counts: np.ndarray, names: list[str]) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    if not wrong.any():
        return "No sample was taken for another class"
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return (
        f"Most frequent error: {names[row]} taken for {names[column]}, "
        f"{int(counts[row, column])} of {int(counts[row].sum())} times"
    )


def _layers(names: list[str]) -> list[dict[str, Any]]:
    angle = -45 if max(map(len, names)) > 3 else 0
    few = len(names) <= NUMBERED
    x = {
        "field": "predicted", "type": "nominal", "sort": names,
        "title": "predicted class" if few else "predicted class, in the same order",
        "axis": {"labelAngle": angle, "labelOverlap": True} if few else {"labels": False, "ticks": False},
    }  # fmt: skip
    y = {"field": "true", "type": "nominal", "sort": names, "title": "true class", "axis": {"labelOverlap": True}}
    colour = {
        "field": "share", "type": "quantitative", "title": "% of the true class",
        "scale": {"range": SEQUENTIAL, "domain": [0, 100]},
        "legend": {"gradientLength": 160, "direction": "horizontal"},
    }  # fmt: skip
    tooltip = [{"field": name} for name in ("true", "predicted", "count", "share")]
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rect", "stroke": "white"}, "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip}}
    ]
    if few:
        ink = {"condition": {"test": "datum.share > 45", "value": "#fefefe"}, "value": ON_LIGHT}
        text = {"field": "share", "type": "quantitative", "format": ".0f"}
        shown = [{"filter": "datum.count > 0"}]
        layers.append(
            {
                "transform": shown,
                "mark": {"type": "text", "fontSize": 9},
                "encoding": {"x": x, "y": y, "text": text, "color": ink},
            }
        )
    return layers
