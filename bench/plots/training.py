"""What was recorded every epoch: one panel a quantity, one line a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, panels
from bench.plots.style import COLUMN, axis, scale, series
from bench.records import Record
from bench.tables.metrics import metrics_of
from bench.tasks.base import Metric

LEFT_OUT = ("lr",)
PANELS = 6
MOST = 2000  # points of a chart: more cannot be seen, and a report has one a configuration
DIGITS = 6  # significant ones


def training(records: Sequence[Record]) -> Chart:
    """Curves of one configuration's runs over the epochs of all stages.

    Raises:
        UsageError: No run has curves.
    """
    values = [value for record in records for value in _values(record)]
    if not values:
        raise UsageError("No record here has curves: closed-form methods have no epochs.")
    curves = list(dict.fromkeys(value["curve"] for value in values))[:PANELS]
    beside = 1 if len(curves) % 2 else 2  # an empty place would show axes of nothing
    values = [value for value in values if value["curve"] in curves]
    step = -(-len(values) // MOST)
    values = [value for value in values if value["epoch"] % step == 0]
    runs = list(dict.fromkeys(value["run"] for value in values))
    return panels(
        f"{counted(len(runs), 'run')}, best epoch {_best(records)}",
        [
            records[0].cell.rpartition("/")[0],
            "stages follow each other",
            *([f"every {step} epochs"] if step > 1 else []),
        ],
        f"{', '.join(curves)} over epochs, one line a run.",
        values,
        ("curve", curves),
        {"width": (COLUMN - 45 * beside) // beside, "height": 90, **_view(runs)},
        columns=beside,
        resolve={"scale": {"y": "independent"}},
    )


def _values(record: Record) -> list[dict[str, Any]]:
    found, before = [], 0
    metrics = {f"val_{metric.name}": metric for metric in metrics_of(record.task)}
    for stage in record.stages:
        for name, numbers in stage.curves.items():
            if name not in LEFT_OUT:
                curve, factor = _shown(name, metrics.get(name))
                run, shown = f"seed {record.seed}", [None if v is None else _short(v * factor) for v in numbers]
                found += [
                    {"run": run, "curve": curve, "epoch": before + epoch, "value": value}
                    for epoch, value in enumerate(shown, start=1)
                    if value is not None
                ]
        before += stage.epochs
    return found


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _shown(name: str, metric: Metric | None) -> tuple[str, int]:
    """A panel's title, and what its numbers are multiplied by: metrics stand as everywhere else, in percent."""
    return (name.replace("_", " "), 1) if metric is None else (f"val {axis(metric)}", scale(metric))


def _best(records: Sequence[Record]) -> str:
    epochs = [record.stages[-1].best_epoch for record in records if record.stages and record.stages[-1].best_epoch]
    return "unknown" if not epochs else str(epochs[0]) if len(set(epochs)) == 1 else f"{min(epochs)}-{max(epochs)}"


def _view(runs: list[str]) -> dict[str, Any]:
    return {
        "mark": {"type": "line", "strokeWidth": 1.2},
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative", "axis": {"grid": False, "tickMinStep": 1, "tickCount": 5}},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
            "color": series("run", runs)["color"],
            "tooltip": [{"field": name} for name in ("run", "curve", "epoch", "value")],
        },
    }
