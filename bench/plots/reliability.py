"""Whether confidences are right: accuracy within bins of confidence (Guo et al., ICML 2017, Figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.style import BLUE, FAINT, VERMILLION
from bench.stats.calibration import ECE_BINS
from bench.stats.softmax import softmax
from bench.tables.predictions import Run, classified


def reliability(runs: Sequence[Run], split: str = "test") -> Chart:
    """Bars of accuracy in equal bins of confidence against the diagonal, runs pooled.

    Raises:
        UsageError: The runs are of several configurations, or have no logits of classes.
    """
    found = [_confidence(targets, logits) for targets, logits in classified(runs, split)]
    confidence = np.concatenate([confidence for confidence, _ in found])
    correct = np.concatenate([correct for _, correct in found])
    values = list(_bins(confidence, correct))
    error = sum(abs(v["accuracy"] - v["confidence"]) * v["samples"] for v in values) / len(correct)
    return chart(
        _finding(confidence.mean(), correct.mean(), error),
        [runs[0][0].cell.rpartition("/")[0], counted(len(runs), "seed"), f"{split} split", "dots: samples"],
        f"Accuracy of predictions in {ECE_BINS} bins of confidence; on the diagonal confidences would be right.",
        values,
        200,
        layer=_layers(),
    )


def _confidence(targets: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return softmax(logits).max(1), (logits.argmax(1) == targets).astype(float)


def _bins(confidence: np.ndarray, correct: np.ndarray) -> list[dict[str, Any]]:
    """Bins (low, high], as the metric `ece` counts them."""
    place = np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    found = []
    for number in range(ECE_BINS):
        inside = place == number
        if inside.any():
            found.append(
                {
                    "low": round(100 * number / ECE_BINS, 4),
                    "high": round(100 * (number + 1) / ECE_BINS, 4),
                    "confidence": round(100 * float(confidence[inside].mean()), 4),
                    "accuracy": round(100 * float(correct[inside].mean()), 4),
                    "samples": int(inside.sum()),
                }
            )
    return found


def _finding(confidence: float, accuracy: float, error: float) -> str:
    gap = 100 * (confidence - accuracy)
    kind = "Overconfident" if gap > 1 else "Underconfident" if gap < -1 else "Confidence fits accuracy on average"
    return f"{kind}: confidence {100 * confidence:.1f} %, accuracy {100 * accuracy:.1f} %; ECE {error:.1f} %"


def _layers() -> list[dict[str, Any]]:
    percent = {"domain": [0, 100], "nice": False}
    x = {"field": "low", "type": "quantitative", "title": "confidence (%)", "scale": percent, "axis": {"grid": False}}
    y = {"field": "accuracy", "type": "quantitative", "title": "accuracy (%)", "scale": percent}
    tooltip = [{"field": name} for name in ("low", "high", "confidence", "accuracy", "samples")]
    return [
        {
            "mark": {"type": "rect", "color": BLUE, "opacity": 0.75, "stroke": "white"},
            "encoding": {"x": x, "x2": {"field": "high"}, "y": y, "y2": {"datum": 0}, "tooltip": tooltip},
        },
        {
            "data": {"values": [{"at": 0}, {"at": 100}]},
            "mark": {"type": "line", "strokeDash": [4, 3], "color": FAINT},
            "encoding": {"x": {**x, "field": "at"}, "y": {**y, "field": "at"}},
        },
        {
            "mark": {"type": "point", "filled": True, "color": VERMILLION, "opacity": 1, "stroke": "white"},
            "encoding": {
                "x": {**x, "field": "confidence"},
                "y": y,
                "size": {"field": "samples", "type": "quantitative", "legend": None, "scale": {"range": [15, 220]}},
                "tooltip": tooltip,
            },
        },
    ]
