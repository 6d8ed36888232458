"""What has to run so that claims can be judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.cells.cell import Cell
from bench.claims.schema import Claim
from bench.core.errors import UsageError


def suites(claims: Iterable[Claim]) -> dict[str, dict[str, Any]]:
    """Cell pattern -> the variables of a suite that runs it with the planned number of seeds, each cell once.

    The variables are those of a suite file, so that ``-o`` replaces them as there.

    Raises:
        UsageError: None of the claims has a cell.
    """
    seeds: dict[str, int] = {}
    for claim in claims:
        if claim.cell:
            seeds[claim.cell] = max(claim.planned_seeds, seeds.get(claim.cell, 0))
    if not seeds:
        raise UsageError(
            "No cell here produces any of these claims. `bench verify PAPER --format csv` shows the cells."
        )
    return {name: _variables(Cell.parse(f"{name}/seed=0"), count) for name, count in seeds.items()}


def _variables(cell: Cell, seeds: int) -> dict[str, Any]:
    return {
        "dataset": str(cell.dataset),
        "backbone": str(cell.backbone),
        "method": str(cell.method),
        "recipe": str(cell.recipe),
        "seed": list(range(seeds)),
    }
