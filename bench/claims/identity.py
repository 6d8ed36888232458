"""What a claim asks for and what a run was, in the same words, so that a difference can be named."""

from __future__ import annotations

from bench.cells.cell import Cell
from bench.cells.notation import Spec, format_value
from bench.claims.schema import Claim

PARTS = ("dataset", "backbone", "method", "recipe")


def expected(claim: Claim) -> dict[str, str]:
    """The identity of the cell that a claim names; empty without a cell."""
    if not claim.cell:
        return {}
    found = {**of_cell(Cell.parse(f"{claim.cell}/seed=0")), "metric": claim.definition}
    if claim.n_test is not None:
        found["n_test"] = str(claim.n_test)
    if claim.selection:
        found["selection"] = claim.selection
    return found


def of_cell(cell: Cell) -> dict[str, str]:
    """Names of the four parts, and every field that the cell's name states: ``backbone.size`` and the like.

    A data set's protocol is a field of its own; an image size that the backbone's name states anyway is left out.
    """
    identity: dict[str, str] = {}
    for part in PARTS:
        spec: Spec = getattr(cell, part)
        identity[part] = spec.name
        for key, value in spec.params.items():
            if part == "dataset" and key == "protocol":
                identity["protocol"] = format_value(value)
            elif not (part == "backbone" and key == "size" and f"_{value}" in spec.name):
                identity[f"{part}.{key}"] = format_value(value)
    return identity
