"""What a method chose on validation when a stage was through, and how good the other values were."""

from __future__ import annotations

from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, chart
from bench.plots.style import BLUE, FAINT
from bench.records import Record

PLACE = "choice"  # in the diagnostics of a stage


def choice(record: Record, stage: str | None = None) -> Chart:
    """Validation scores by the value of a method's parameter, the chosen one marked.

    Args:
        record: Its ``diagnostics[stage]["choice"]`` has the ``parameter``, the ``values`` tried, their ``scores`` by
            ``metric``, and the one that was ``chosen``.
        stage: None: the last one that has it.

    Raises:
        UsageError: The record, or that stage of it, has none.
    """
    found = {
        name: block[PLACE] for name, block in record.diagnostics.items() if isinstance(block, dict) and PLACE in block
    }
    if not found or (stage is not None and stage not in found):
        raise UsageError(f"No choice after {stage or 'any stage'} is stored with {record.cell}.")
    name = stage or list(found)[-1]
    said = found[name]
    parameter, metric, chosen = said["parameter"], said["metric"], said["chosen"]
    values = [
        {"value": value, "score": score, "chosen": value == chosen}
        for value, score in zip(said["values"], said["scores"], strict=True)
    ]
    return chart(
        f"{parameter} = {chosen:g} was chosen among {len(values)}",
        [record.cell, name, f"{metric} on validation data"],
        f"{metric} on validation data by {parameter}, of {len(values)} values; {chosen:g} was chosen.",
        values,
        190,
        encoding=_encoding(parameter, metric),
        layer=[
            {"mark": {"type": "line", "color": FAINT}},
            {"mark": {"type": "point", "filled": True, "size": 50, "opacity": 1}, "encoding": {"color": _COLOUR}},
        ],
    )


_COLOUR = {"condition": {"test": "datum.chosen", "value": BLUE}, "value": FAINT}


def _encoding(parameter: str, metric: str) -> dict[str, Any]:
    return {
        "x": {"field": "value", "type": "quantitative", "title": parameter, "axis": {"grid": False}},
        "y": {"field": "score", "type": "quantitative", "title": metric, "scale": {"zero": False}},
        "tooltip": [{"field": "value", "title": parameter}, {"field": "score", "title": metric}],
    }
