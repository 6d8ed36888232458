"""How classes are routed to CLAdapter's centres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bench.core.errors import UsageError
from bench.core.text import counted
from bench.plots.chart import Chart, chart
from bench.plots.style import SEQUENTIAL
from bench.records import Record

NAMED = 30  # centres up to which each has its number


def routing(record: Record, stage: str | None = None, class_names: Sequence[str] = ()) -> Chart:
    """Mean routing weight beta, classes x centres, each class with its entropy.

    Args:
        record: Of a CLAdapter cell; its `diagnostics` hold the numbers.
        stage: "stage1" or "stage2"; None: the last one that has them.
        class_names: Names in label order, for the rows; else the numbers are shown.

    Raises:
        UsageError: The record, or that stage of it, has no routing diagnostics.
    """
    found = {
        name: block["routing"]
        for name, block in record.diagnostics.items()
        if isinstance(block, dict) and "routing" in block
    }
    if not found or (stage is not None and stage not in found):
        has = f"has them for {', '.join(found)}" if found else "has none; only methods that route features keep some"
        raise UsageError(f"No routing diagnostics of {stage or 'any stage'}: {record.cell} {has}.")
    name = stage or list(found)[-1]
    block = found[name]
    rows = [_label(c, h, class_names) for c, h in zip(block["classes"], block["entropy"], strict=True)]
    centres = len(block["beta"][0])
    values = [
        {"class": label, "centre": centre, "weight": weight}
        for label, weights in zip(rows, block["beta"], strict=True)
        for centre, weight in enumerate(weights)
    ]
    return chart(
        _finding(block, centres),
        [record.cell, name, counted(block["images"], "image"), "H: entropy of a class's mean weights"],
        f"Mean routing weight of {len(rows)} classes over {centres} centres.",
        values,
        16 * len(rows),
        mark={"type": "rect"},
        encoding=_encoding(rows, centres),
    )


def _label(number: int, entropy: float, class_names: Sequence[str]) -> str:
    name = class_names[number] if number < len(class_names) else str(number)
    return f"{name} (H {entropy:.2f})"


def _finding(block: dict[str, Any], centres: int) -> str:
    """Uniform weights have entropy log K; how far below it the classes are says how much routing tells apart."""
    most = math.log(centres) if centres > 1 else 1.0
    mean = sum(block["entropy"]) / len(block["entropy"])
    return (
        f"{block['centres_in_use']} of {centres} centres win for some image; "
        f"a class's weights have {100 * mean / most:.0f} % of the entropy of uniform ones"
    )


def _encoding(rows: list[str], centres: int) -> dict[str, Any]:
    axis: dict[str, Any] = {"labelAngle": 0, "labelOverlap": True}
    if centres > NAMED:
        axis["values"] = list(range(0, centres, max(1, centres // 10)))
    return {
        "x": {"field": "centre", "type": "ordinal", "title": "centre", "axis": axis},
        "y": {"field": "class", "type": "nominal", "sort": rows, "title": "class"},
        "color": {
            "field": "weight", "type": "quantitative", "title": "weight", "scale": {"range": SEQUENTIAL},
            "legend": {"orient": "right", "gradientLength": 80, "format": ".2~f"},
        },
        "tooltip": [{"field": name} for name in ("class", "centre", "weight")],
    }  # fmt: skip
