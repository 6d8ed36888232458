"""Points of a search as methods, and whether a search is fair: as many trials and epochs for every method."""

from __future__ import annotations

from collections.abc import Iterable

from bench.cells.recipes import points
from bench.cells.search import Point, fields_of
from bench.core.errors import UsageError
from bench.grid.resolve import Resolved
from bench.methods.base import Method
from bench.training.job import StageJob


def at_point(method: Method, name: str, point: Point) -> Method:
    """The method of one trial.

    Raises:
        UsageError: It has no such field, or the value is out of range.
    """
    fields = fields_of(point, name)
    return type(method).build(name, {**method.model_dump(), **fields}) if fields else method


def check_stages(trials: list[list[StageJob]], name: str) -> None:
    """Raise UsageError where trials differ in their stages, and so in what they cost."""
    told = [[(job.stage.name, job.epochs, job.shares_backbone) for job in jobs] for jobs in trials]
    if any(one != told[0] for one in told):
        raise UsageError(f"search changes the stages of {name}, and with them its epochs: make the field an axis.")


def check_trials(cells: Iterable[Resolved]) -> None:
    """Raise UsageError where a search gives methods under one recipe different numbers of trials."""
    numbers: dict[str, dict[str, int]] = {}
    for resolved in cells:
        method, name = resolved.method, resolved.cell.method.name
        if resolved.recipe.search and isinstance(method, Method):
            backbone = any(stage.trains_backbone for stage in method.stages())
            found = points(resolved.recipe, name, backbone, resolved.cell.seed)
            numbers.setdefault(str(resolved.cell.recipe), {})[name] = len(found)
    for found_by_method in numbers.values():
        if len(set(found_by_method.values())) > 1:
            told = ", ".join(f"{name} {number}" for name, number in found_by_method.items())
            hint = f"give all as many, -o trials={min(found_by_method.values())}"
            raise UsageError(f"search gives methods different numbers of trials ({told}): {hint}")
