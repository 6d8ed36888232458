"""Published points of a sweep, out of the claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.cells.cell import Cell
from bench.plots.sweep import Published
from bench.records.frame import without_protocol
from bench.tables import Table
from bench.tables.metrics import metrics_of

FRACTIONS = {"%": 100.0, "fraction": 1.0}


def points_of(claims: Sequence[Mapping[str, Any]], table: Table, field: str) -> list[Published]:
    """Claims about the headline metric of the table's data set, backbone and method, where they state the field.

    Args:
        claims: As `bench.claims.render.facts` gives them.
        field: A field of the method, such as ``k``.
    """
    shown = {_setting(row.key.dataset, row.key.backbone, row.key.method_name) for row in table.rows}
    headlines = {metrics_of(row.key.task)[0].name for row in table.rows}
    found = []
    for claim in claims:
        if not claim["cell"] or claim["definition"] not in headlines or claim["unit"] not in FRACTIONS:
            continue
        cell = Cell.parse(f"{claim['cell']}/seed=0")
        x, number = cell.method.params.get(field), _number(claim["value"])
        setting = _setting(str(without_protocol(cell.dataset)), str(cell.backbone), cell.method.name)
        if setting in shown and isinstance(x, (int, float)) and number is not None:
            found.append(Published(float(x), number / FRACTIONS[claim["unit"]], f"published ({claim['paper']})"))
    return found


def _setting(dataset: str, backbone: str, method: str) -> tuple[str, str, str]:
    return dataset, backbone, method


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%"))
    except ValueError:  # "not found" and the like
        return None
