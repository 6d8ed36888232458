"""Singular values of weights and of their updates: how many directions a method really changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.errors import UsageError
from bench.plots.chart import Chart, chart
from bench.plots.style import DASHES, series
from bench.records import Record

ENERGY = 0.9
NAMED = 2  # matrices that a title can name


def spectrum(record: Record, stage: str | None = None) -> Chart:
    """A line a matrix: singular values, each over its largest, by rank.

    Args:
        record: Its ``diagnostics[stage]["spectrum"]`` maps the name of a matrix ("blocks.0 weight", "blocks.0 update")
            to its singular values.
        stage: None: the last one that has them.

    Raises:
        UsageError: The record, or that stage of it, has no singular values.
    """
    found = {
        name: block["spectrum"]
        for name, block in record.diagnostics.items()
        if isinstance(block, dict) and "spectrum" in block
    }
    if not found or (stage is not None and stage not in found):
        raise UsageError(f"No singular values of {stage or 'any stage'} are stored with {record.cell}.")
    name = stage or list(found)[-1]
    matrices = {label: sorted(values, reverse=True) for label, values in found[name].items()}
    values = [
        {"matrix": label, "rank": rank, "share": round(value / numbers[0], 6), "value": value}
        for label, numbers in matrices.items()
        if numbers and numbers[0] > 0
        for rank, value in enumerate(numbers, start=1)
    ]
    return chart(
        _finding(matrices),
        [record.cell, name, "of the squared singular values"],
        f"Singular values over the largest, of {len(matrices)} matrices.",
        values,
        190,
        mark={"type": "line"},
        encoding=_encoding(list(matrices)),
    )


def _finding(matrices: Mapping[str, Sequence[float]]) -> str:
    """How many directions hold most of each matrix; of many the narrowest and the widest."""
    ranks = {label: (effective_rank(values), len(values)) for label, values in matrices.items()}
    shown = sorted(ranks, key=lambda label: ranks[label][0] / max(ranks[label][1], 1))
    if len(ranks) <= NAMED:
        return "; ".join(f"{label}: {rank} of {number} directions hold 90 %" for label, (rank, number) in ranks.items())
    low, high = (f"{ranks[label][0]} of {ranks[label][1]} ({label})" for label in (shown[0], shown[-1]))
    return f"90 % lie in {low} to {high} directions"


def effective_rank(values: Sequence[float], share: float = ENERGY) -> int:
    """The fewest singular values, the largest first, whose squares add up to a share of all squares."""
    squares = [value**2 for value in sorted(values, reverse=True)]
    total, so_far = sum(squares), 0.0
    for rank, square in enumerate(squares, start=1):
        so_far += square
        if so_far >= share * total:
            return rank
    return len(squares)


def _encoding(names: list[str]) -> dict[str, Any]:
    colour = series("matrix", names)["color"]
    return {
        "x": {"field": "rank", "type": "quantitative", "title": "rank", "axis": {"grid": False}},
        "y": {"field": "share", "type": "quantitative", "title": "singular value / largest"},
        "color": colour,
        "strokeDash": {**colour, "scale": {"domain": names, "range": [[1, 0], *DASHES, [1, 2]][: len(names)]}},
        "tooltip": [{"field": name} for name in ("matrix", "rank", "value")],
    }
